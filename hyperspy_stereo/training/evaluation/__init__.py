"""Scores, test scenes and tables: everything that is quoted about the networks."""
