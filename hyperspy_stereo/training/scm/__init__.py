"""Training of the published stereo network, and the tables about it."""
