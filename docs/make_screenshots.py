"""Screenshots of the widgets in a JupyterLab: ``python docs/make_screenshots.py``.

Needs Chromium and what the browser tests need.
"""

import io
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "browser"))

from headless_chromium import Browser, first_coloured, settled  # noqa: E402
from served_lab import Lab, run  # noqa: E402

DATA = f"""
import sys, warnings
warnings.filterwarnings("ignore")
sys.path.insert(0, {str(HERE)!r})
from make_live_pictures import calibrated_scan
pair = calibrated_scan().virtual_stereo()
lines = pair.detect_dislocations(method="ridge", show_progressbar=False).reconstruct()
"""
VIEW = "view = lines.plot(images=pair)\nview"
PANEL = """
panel = pair.gui(method="ridge", crystal="TiAl", zone_axis=(1, 1, 0), g=(0, 0, 2))
panel.run("crystal")
None
"""
SCENES = (
    "[...document.querySelectorAll('canvas')]"
    ".filter(c => c.closest('.jupyter-widgets') && c.width > 300)"
)
BUTTONS = "[...document.querySelectorAll('button')]"
COLOURS = 220  # of a palette


def save(picture: np.ndarray, name: str) -> None:
    image = Image.fromarray(np.rint(255 * picture).astype(np.uint8))
    buffer = io.BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(buffer, "png", optimize=True)
    (HERE / "pictures" / name).write_bytes(buffer.getvalue())


def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        places = [Path(folder, name) for name in ("chromium", "jupyter")]
        for place in places:
            place.mkdir()
        browser, lab = Browser(places[0], (1180, 1320)), Lab(places[1])
        try:
            page = browser.page()
            lab.open(page, [DATA, VIEW, PANEL])
            run(page, 0, 400)
            run(page, 1)
            page.until(f"{SCENES}.length > 0")
            first_coloured(page, page.box(f"{SCENES}[0]"))
            page.ask(f"{BUTTONS}.find(b => b.textContent.trim() === 'Measure').click()")
            for number, value in enumerate((2, 3)):
                page.ask(
                    "(() => { const i = [...document.querySelectorAll('input[type=number]')]"
                    f"[{number}]; i.value = {value};"
                    "i.dispatchEvent(new Event('change', {bubbles: true})); })()"
                )
            time.sleep(4)
            box = page.box(f"{SCENES}[0].closest('.jp-OutputArea-output')")
            save(settled(page, box), "view_measuring.png")
            run(page, 2, 400)
            page.until("document.querySelectorAll('.widget-tab table tbody tr').length > 0")
            time.sleep(2)
            box = page.box("document.querySelector('.widget-tab').parentElement")
            save(settled(page, box), "panel_crystal.png")
        finally:
            lab.close()
            browser.close()


if __name__ == "__main__":
    main()
