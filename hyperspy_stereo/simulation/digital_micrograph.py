"""Writing images as ``.dm4`` files of DigitalMicrograph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike


def write_dm4(
    path: str | Path,
    image: ArrayLike,
    pixel_size: float,
    units: str = "nm",
    *,
    tilt: float = 0.0,
    voltage: float = 200.0,
) -> Path:
    """Write a simulated image as a microscope's computer would save it.

    The file is written by nionswift-io, a library of its own, so that what HyperSpy reads from it
    was not made by the reader's authors.

    Parameters
    ----------
    path : str or Path
        File to write; its name ends in ``.dm4``.
    image : array_like of shape (H, W)
        Real numbers; stored as float32.
    pixel_size : float
        Size of a pixel in `units`.
    units : str, default "nm"
        As DigitalMicrograph spells it: "nm", "µm", "1/nm".
    tilt : float, default 0.0
        Alpha tilt of the stage in degrees.
    voltage : float, default 200.0
        Of the beam, kV.

    Returns
    -------
    Path
        The file. ``hs.load`` gives the image back with its axes in `units`, and with
        ``metadata.Acquisition_instrument.TEM.Stage.tilt_alpha`` and ``.beam_energy``.

    Raises
    ------
    ImportError
        If nionswift-io is not installed.
    ValueError
        If the image is not two-dimensional, the pixel size is not above 0, or the file's name has
        another ending.

    References
    ----------
    https://github.com/nion-software/nionswift-io

    Examples
    --------
    >>> import tempfile
    >>> import hyperspy.api as hs
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = write_dm4(Path(folder.name) / "a.dm4", np.ones((4, 6)), 2.5, tilt=-4.0)
    >>> image = hs.load(path)
    >>> image, image.metadata.Acquisition_instrument.TEM.Stage.tilt_alpha
    (<Signal2D, title: , dimensions: (|6, 4)>, -4.0)
    >>> folder.cleanup()
    """
    path, pixels = Path(path), np.asarray(image, dtype=np.float32)
    if path.suffix != ".dm4":
        raise ValueError(f"the file's name must end in .dm4, not {path.name!r}")
    if pixels.ndim != 2:
        raise ValueError(f"one image (H, W) is needed, got an array of shape {pixels.shape}")
    if not (np.isfinite(pixel_size) and pixel_size > 0):
        raise ValueError(f"pixel_size must be above 0 {units}, got {pixel_size!r}")
    try:
        from nion.data.Calibration import Calibration
        from nion.data.DataAndMetadata import new_data_and_metadata
        from nionswift_plugin.DM_IO.dm3_image_utils import save_image
    except ImportError as error:
        raise ImportError(
            "writing .dm4 files needs nionswift-io: pip install nionswift-io (reading them does "
            "not)."
        ) from error
    tags = {
        "Voltage": 1e3 * float(voltage),
        "Illumination Mode": "STEM",
        "Stage Position": {"Stage Alpha": float(tilt), "Stage Beta": 0.0},
    }
    exposure = new_data_and_metadata(
        pixels,
        dimensional_calibrations=[Calibration(0.0, float(pixel_size), units)] * 2,
        metadata={"Microscope Info": tags},
    )
    with path.open("wb") as stream:
        save_image(exposure, stream, 4)
    return path
