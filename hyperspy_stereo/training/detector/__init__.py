"""Training of the detector: losses, batches, validation, command."""
