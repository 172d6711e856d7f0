"""Every code block of the README and of the pages in docs/ runs, in order, page by page."""

import doctest
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hyperspy_stereo import Diffraction4DStereo, StereoPair
from hyperspy_stereo.results import DislocationNetwork
from hyperspy_stereo.simulation import simulate_scan
from hyperspy_stereo.simulation.digital_micrograph import write_dm4
from hyperspy_stereo.simulation.merlin import write_mib

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINE = np.column_stack([np.linspace(40, 400, 50)] * 2 + [np.linspace(10, 110, 50)])
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
        write_dm4(tmp_path / f"{name}.dm4", image, 1.0)
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
    """Specimens of a few lines and coarse volumes: the pages' own would take minutes."""
    from hyperspy_stereo import simulation, topology

    full = simulation.random_specimen
    size = {"size": (112, 112)}
    monkeypatch.setattr(simulation, "random_specimen", lambda *a, **k: full(*a, **{**k, **size}))
    fine = topology.voxelise
    monkeypatch.setattr(
        topology,
        "voxelise",
        lambda lines, shape, voxel_size: fine(lines, [n // 8 for n in shape], 8 * voxel_size),
    )


@pytest.fixture
def names(scan):
    """What the text of a page says is there already."""
    s = Diffraction4DStereo(scan.stack).calibrate_disc(60, vacuum=scan.vacuum)
    s.calibrate_kikuchi(azimuth=scan.kikuchi_azimuth).calibrate_rotation(rotation=0.0)
    pair = StereoPair.from_images(*tilted_images(), 8, geometry="tiltless")
    masks = np.zeros((2, 256, 256), bool)
    masks[0, 20:230, 100:103] = masks[1, 40:230, 104:107] = True
    detected = pair.detect_dislocations(method="ridge")
    return {
        "s": s,
        "pair": pair,
        "masks": masks,
        "maps": detected,
        "images": segment_images(),
        "ground_truth": masks[0],
        "my_masks": [np.eye(48), np.eye(48)[::-1]],
        "network": DislocationNetwork(LINE, np.zeros(len(LINE), int), units="nm"),
        "truth": DislocationNetwork(
            LINE + np.array([0, 12, 0]), np.zeros(len(LINE), int), units="nm"
        ),
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


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "json")], ids=lambda p: p.name)
def test_settings_are_known(page, tmp_path):
    """Blocks of JSON change the committed configuration of the detector."""
    from hyperspy_stereo.training.config import CONFIGS, load_config
    from hyperspy_stereo.training.detector.config import DetectorConfig

    committed = json.loads((CONFIGS / "detector.json").read_text("utf-8"))
    for text in blocks(page, "json"):
        changed = json.loads(text)
        (tmp_path / "mine.json").write_text(json.dumps(committed | changed))
        config = load_config(tmp_path / "mine.json", DetectorConfig)
        assert config.start == changed["start"]


def test_every_block_is_of_a_language_that_is_run():
    known = {"python", "bash", "json"}
    for page in PAGES:
        fences = re.findall(r"^```(.*)$", page.read_text("utf-8"), re.MULTILINE)
        languages = {fence for fence in fences[::2] if not fence.startswith("{")}
        assert languages <= known, f"{page.name}: {languages - known}"


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
