"""Every code block of the README and of the pages in docs/ runs, in order, page by page."""

import doctest
import re
import shlex
import subprocess
import sys
from pathlib import Path

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_stereo import Diffraction4DStereo, StereoPair
from hyperspy_stereo.simulation import simulate_scan
from hyperspy_stereo.simulation.merlin import write_mib

ROOT = Path(__file__).resolve().parents[1]
# Fits weights on degraded masks and scores volumes: minutes, too long for a test.
TOO_LONG = {"topology.md"}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [page for page in PAGES if page.name not in TOO_LONG]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(page.read_text("utf-8")) if kind == language]


@pytest.fixture(scope="module")
def scan():
    return simulate_scan((96, 96), (48, 48), seed=31, n_lines=5, line_width=2.0, scan_rotation=0.0)


@pytest.fixture
def files(scan, tmp_path, monkeypatch):
    """The files that the pages open, small ones, in the working directory."""
    write_mib(tmp_path / "scan.mib", scan.stack, scan=(96, 96), counter_depth=12)
    vacuum = scan.vacuum.reshape(-1, *scan.vacuum.shape[-2:])
    write_mib(tmp_path / "vacuum.mib", vacuum[None], scan=(len(vacuum), 1), counter_depth=12)
    for name, image in zip("ab", tilted_images(), strict=True):
        hs.signals.Signal2D(image).save(tmp_path / f"{name}.hspy")
    # No library writes .dm4 files; what is read here is the same to the code of the pages.
    load = hs.load
    monkeypatch.setattr(hs, "load", lambda name, **k: load(name.replace(".dm4", ".hspy"), **k))
    monkeypatch.chdir(tmp_path)


def tilted_images():
    """Two images with lines and enough texture to be registered."""
    from scipy.ndimage import gaussian_filter

    scene = 8 * gaussian_filter(np.random.default_rng(0).normal(size=(330, 330)), 3)
    y, x = np.mgrid[:330, :330]
    for place in (90, 160, 240):
        scene -= 2.5 * np.exp(-((x - place - 12 * np.sin(y / 40)) ** 2) / 8)
    return scene[10:266, 10:266], scene[6:262, 18:274]


@pytest.fixture
def small(monkeypatch):
    """Random specimens of a few lines: the pages' own would take a minute."""
    from hyperspy_stereo import simulation

    full = simulation.random_specimen
    size = {"size": (112, 112)}
    monkeypatch.setattr(simulation, "random_specimen", lambda *a, **k: full(*a, **{**k, **size}))


@pytest.fixture
def names(scan):
    """What the text of a page says is there already."""
    s = Diffraction4DStereo(scan.stack).calibrate_disc(60, vacuum=scan.vacuum)
    s.calibrate_kikuchi(azimuth=scan.kikuchi_azimuth).calibrate_rotation(rotation=0.0)
    pair = StereoPair.from_images(*tilted_images(), 8, geometry="tiltless")
    masks = np.zeros((2, 256, 256), bool)
    masks[:, 20:230, 100:103] = True
    detected = pair.detect_dislocations(method="ridge")
    return {
        "s": s,
        "pair": pair,
        "masks": masks,
        "maps": detected,
        "images": segment_images(),
    }


def segment_images():
    """Dark balls at known depths, as four segments see them 3 degrees apart."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:160, :160]
    places = rng.uniform((12, 12, -60), (148, 148, 60), (25, 3))
    images = []
    for azimuth in np.deg2rad([45, 135, 225, 315]):
        image = np.full((160, 160), 200.0)
        for px, py, pz in places:
            shift = 0.026 * pz
            away = np.hypot(x - px + shift * np.cos(azimuth), y - py + shift * np.sin(azimuth))
            image -= 90 / (1 + np.exp(2 * (away - 4)))
        images.append(rng.poisson(np.maximum(image, 20)).astype(float))
    return np.stack(images)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=lambda p: p.name)
def test_python_blocks_run(page, files, names, small):
    import matplotlib.pyplot as plt

    for number, text in enumerate(blocks(page, "python"), 1):
        if text.startswith(">>>"):
            parser, runner = (
                doctest.DocTestParser(),
                doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE),
            )
            example = parser.get_doctest(text, names, f"{page.name}, block {number}", None, 0)
            runner.run(example, clear_globs=False)
            assert runner.failures == 0
            names.update(example.globs)
        else:
            exec(compile(text, f"{page.name}, block {number}", "exec"), names)
    plt.close("all")


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "bash")], ids=lambda p: p.name)
def test_commands_exist(page):
    """Targets of make are there; programs know their arguments: what they do has its own tests."""
    for line in "".join(blocks(page, "bash")).splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        if words[0] == "make":
            command = ["make", "--dry-run", *words[1:]]
        else:
            assert words[:2] == ["python", "-m"]
            command = [sys.executable, *words[1:4], "--help"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
