"""Where particles are in each view."""

from __future__ import annotations

from hyperspy.signals import LazySignal2D

from hyperspy_stereo.signals._view_stack import ViewStack


class ParticleMap(ViewStack):
    """Response of a particle detector in each view: navigation axis = view.

    Keeps the incidences of its views through slicing, copying and saving, as
    :class:`~hyperspy_stereo.StereoPair` does.
    """

    _signal_type = "ParticleMap"
    _alias_signal_types = ["particle_map"]  # noqa: RUF012 (HyperSpy's own form)


class LazyParticleMap(LazySignal2D, ParticleMap):
    """Lazy twin of :class:`ParticleMap`."""
