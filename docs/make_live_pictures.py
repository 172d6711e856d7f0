"""Make the pictures of the page about the notebook: ``python docs/make_live_pictures.py``."""

import io
from pathlib import Path

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
from PIL import Image

from hyperspy_stereo import Diffraction4DStereo
from hyperspy_stereo.simulation import simulate_scan
from hyperspy_stereo.viewer import plot_depths, plot_directions

HERE = Path(__file__).parent / "pictures"


def calibrated_scan() -> Diffraction4DStereo:
    """A simulated scan in nm."""
    truth = simulate_scan(
        (144, 192), (96, 96), seed=12, n_lines=14, pixel_size=1.6, thickness=180.0,
        focus_depth=0.0, line_width=2.0,
    )  # fmt: skip
    s = Diffraction4DStereo(truth.stack)
    for axis in s.axes_manager.navigation_axes:
        axis.scale, axis.units = truth.pixel_size, "nm"
    s.calibrate_disc(truth.convergence_angle, vacuum=truth.vacuum)
    s.calibrate_kikuchi(azimuth=truth.kikuchi_azimuth)
    return s.calibrate_rotation(rotation=truth.scan_rotation)


def main() -> None:
    s = calibrated_scan()
    explorer = s.interactive_stereo()
    explorer.figure.savefig(HERE / "interactive.png", dpi=96)
    panel = explorer.pair.gui(display=False)["ipywidgets"]["panel"].run()
    pictures = [Image.open(io.BytesIO(panel._pictures[step])) for step in ("detect", "match")]
    width = max(picture.width for picture in pictures)
    sheet = Image.new("RGB", (width, sum(p.height for p in pictures)), "white")
    top = 0
    for picture in pictures:
        sheet.paste(picture.convert("RGB"), (0, top))
        top += picture.height
    sheet.save(HERE / "panel_steps.png")
    figure, axes = plt.subplots(1, 2, figsize=(9.4, 4.0), layout="constrained")
    plot_directions(panel.network, axes[0])
    plot_depths(panel.network, ax=axes[1])
    figure.savefig(HERE / "directions_depths.png", dpi=90)


if __name__ == "__main__":
    main()
