"""What is exactly true about a simulated set of views."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from hyperspy_stereo.simulation.specimen import Specimen


@dataclass(frozen=True, eq=False)
class Truth:
    """The truth behind simulated views of one specimen.

    Attributes
    ----------
    specimen : Specimen
        What was looked at.
    lines : list of (n, 3) ndarray
        The dislocations inside the foil: x, y in nm from the upper left pixel of the scan, z in nm
        from the plane of zero disparity (the focus plane, or the tilt axis) along the beam, so that
        they compare directly with a reconstruction. Sampled about every pixel.
    kinds : list of str
        What each of `lines` belongs to.
    visible : list of (V, n) bool ndarray
        For each line, where its contrast is seen in each of the V views.
    incidence : (V, 2) ndarray
        Of the views, mrad, scan frame.
    geometry : str
        "tilt" or "tiltless".
    pixel_size : float
        nm.
    clean : (V, H, W) float32 ndarray
        Views before noise, share of the incident electrons.
    line_mask, boundary_mask, distractor_mask : (V, H, W) bool ndarray
        Pixels of visible lines, of grain boundaries and fault strips, and of blobs and
        contamination.
    line_index : (V, H, W) int16 ndarray
        Number of the nearest line at pixels of `line_mask`, -1 elsewhere.
    disparity : (V, H, W) float32 ndarray
        Disparity x_last - x_first in px of the line seen at each pixel of `line_mask`, NaN
        elsewhere; for the outermost two views.
    depth : (V, H, W) float32 ndarray
        Depth z in nm (frame of `lines`) likewise.
    ambiguous : (V, H, W) bool ndarray
        Pixels where lines of different depth overlap, or one runs along the beam.
    reference : (V, H, W) float32 ndarray or None
        Views of the same specimen without its lines, on an even grid: what lines change is the
        difference of `clean` from it.
    """

    specimen: Specimen
    lines: list[np.ndarray]
    kinds: list[str]
    visible: list[np.ndarray]
    incidence: np.ndarray
    geometry: str
    pixel_size: float
    clean: np.ndarray
    line_mask: np.ndarray
    boundary_mask: np.ndarray
    distractor_mask: np.ndarray
    line_index: np.ndarray
    disparity: np.ndarray
    depth: np.ndarray
    ambiguous: np.ndarray
    reference: np.ndarray | None = field(default=None, kw_only=True)
