"""What makes one prediction of the segments of a clip."""
