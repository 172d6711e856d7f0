"""The package works with what it asks for: nothing else of this environment can be imported."""

import json
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
# Stands for an environment that holds the requirements alone (.ci/fresh makes a real one).
WALL = """
import importlib.abc, json, sys
blocked = set(json.loads(sys.argv[1]))
class Wall(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Wall())
"""
SESSION = """
import sys, tempfile
import numpy as np
from hyperspy_stereo import DislocationNetwork, StereoPair
image = np.random.default_rng(0).normal(100, 5, (64, 64))
StereoPair.from_images(image, image, 5).detect_dislocations()
network = DislocationNetwork([[0, 0, 0], [30, 20, 40]], [0, 0], units="nm", image_shape=(64, 64))
view = network.plot()
view._repr_mimebundle_()
with tempfile.TemporaryDirectory() as folder:
    view.save_html(folder + "/network.html")
    network.save(folder + "/network.vtp")
print(type(view.figure).__module__)
"""


def asked_for(names: list[str]) -> set[str]:
    """Names of all distributions that come with these requirements."""
    found: dict[str, set[str]] = {}
    waiting = [Requirement(name) for name in names]
    while waiting:
        requirement = waiting.pop()
        name, extras = canonicalize_name(requirement.name), {"", *requirement.extras}
        new = extras - found.get(name, set())
        if not new:
            continue
        found.setdefault(name, set()).update(new)
        try:
            needed = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # for another system
        for needs in map(Requirement, needed):
            if needs.marker is None or any(needs.marker.evaluate({"extra": e}) for e in new):
                waiting.append(needs)
    return set(found)


def not_asked_for(names: list[str]) -> list[str]:
    """Modules of this environment that those requirements do not bring."""
    allowed = asked_for(names) | {"hyperspy-stereo"}
    places = metadata.packages_distributions().items()
    return sorted(m for m, owners in places if not allowed & {*map(canonicalize_name, owners)})


@pytest.fixture(scope="module")
def requirements():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]


def session(blocked: list[str]) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", WALL + SESSION, json.dumps(blocked)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_lines_are_found_and_turned_with_the_requirements_alone(requirements):
    blocked = not_asked_for(requirements)
    assert "pytest" in blocked
    done = session(blocked)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1].startswith("ipyvolume")


@pytest.mark.parametrize("undeclared", ["ipython_genutils", "six"])
def test_what_ipyvolume_forgets_to_ask_for_is_named(requirements, undeclared):
    fewer = [name for name in requirements if name != undeclared]
    done = session(not_asked_for(fewer))
    assert done.returncode != 0
    assert f"does not start without {undeclared}" in done.stderr
