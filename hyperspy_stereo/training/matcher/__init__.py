"""Training of the curve matcher: its descriptor, and the constants of its confidence."""
