"""The loop that detectors and classifiers are trained in: steps, states on disk, processes."""
