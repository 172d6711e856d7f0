"""Random but physical specimens, and the arrangements of dislocations that they are made of."""

from hyperspy_stereo.simulation.specimens.boundaries import (
    grain_deviations,
    interface_dislocations,
    lamellae,
)
from hyperspy_stereo.simulation.specimens.cutting import (
    cut_to_foil,
    cut_to_grain,
    visible_lengths,
)
from hyperspy_stereo.simulation.specimens.foil import random_bend, random_orientation, random_wedge
from hyperspy_stereo.simulation.specimens.glide import dipole, dissociated, pile_up, pile_up_places
from hyperspy_stereo.simulation.specimens.lines import bowed_lines, threading_lines
from hyperspy_stereo.simulation.specimens.loops import helix, loop
from hyperspy_stereo.simulation.specimens.networks import junction, network, tangle
from hyperspy_stereo.simulation.specimens.random import KINDS, random_specimen
from hyperspy_stereo.simulation.specimens.surface import random_spots
from hyperspy_stereo.simulation.specimens.systems import (
    Arrangement,
    Glide,
    glide_systems,
    loop_systems,
    triads,
)

__all__ = [
    "KINDS",
    "Arrangement",
    "Glide",
    "bowed_lines",
    "cut_to_foil",
    "cut_to_grain",
    "dipole",
    "dissociated",
    "glide_systems",
    "grain_deviations",
    "helix",
    "interface_dislocations",
    "junction",
    "lamellae",
    "loop",
    "loop_systems",
    "network",
    "pile_up",
    "pile_up_places",
    "random_bend",
    "random_orientation",
    "random_specimen",
    "random_spots",
    "random_wedge",
    "tangle",
    "threading_lines",
    "triads",
    "visible_lengths",
]
