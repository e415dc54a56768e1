"""The image networks that classify segments, by name."""
