"""The data that the networks learn from: scenes, shards of them, noise and augmentation."""
