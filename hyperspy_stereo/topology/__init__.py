"""How far a segmentation is from the truth, by persistent homology, and what a mask holds."""

from hyperspy_stereo.topology.centre_lines import centre_line, centre_line_scores
from hyperspy_stereo.topology.comparison import (
    Comparison,
    MaskTopology,
    compare,
    mask_topology,
)
from hyperspy_stereo.topology.connectivity import connectivity
from hyperspy_stereo.topology.degradations import DEGRADATIONS, degrade
from hyperspy_stereo.topology.descriptors import describe_mask, persistence_images
from hyperspy_stereo.topology.distances import (
    betti_difference,
    bottleneck,
    relative,
    sliced_wasserstein,
    wasserstein,
)
from hyperspy_stereo.topology.families import FAMILIES, filtration_names, filtrations
from hyperspy_stereo.topology.filtrations import (
    default_centres,
    default_directions,
    density_filtration,
    dilation_filtration,
    height_filtration,
    radial_filtration,
)
from hyperspy_stereo.topology.persistence import diagrams, prune, shorten
from hyperspy_stereo.topology.score import MaskScores, ScoreSettings, score_masks
from hyperspy_stereo.topology.voxels import voxelise
from hyperspy_stereo.topology.weights import (
    DegradationTable,
    ScoreWeights,
    degradation_table,
    fit_weights,
    load_weights,
    save_weights,
    shipped_weights,
)

__all__ = [
    "DEGRADATIONS",
    "FAMILIES",
    "Comparison",
    "DegradationTable",
    "MaskScores",
    "MaskTopology",
    "ScoreSettings",
    "ScoreWeights",
    "betti_difference",
    "bottleneck",
    "centre_line",
    "centre_line_scores",
    "compare",
    "connectivity",
    "default_centres",
    "default_directions",
    "degradation_table",
    "degrade",
    "density_filtration",
    "describe_mask",
    "diagrams",
    "dilation_filtration",
    "filtration_names",
    "filtrations",
    "fit_weights",
    "height_filtration",
    "load_weights",
    "mask_topology",
    "persistence_images",
    "prune",
    "radial_filtration",
    "relative",
    "save_weights",
    "score_masks",
    "shipped_weights",
    "shorten",
    "sliced_wasserstein",
    "voxelise",
    "wasserstein",
]
