"""Scenes without diffraction: dark lines of given contrast, exact geometry."""
