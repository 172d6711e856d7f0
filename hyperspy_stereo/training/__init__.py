"""Training and evaluation of the networks: data recipes, losses, loops, tables.

Run ``python -m hyperspy_stereo.training --help``.
"""
