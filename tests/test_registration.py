"""HyperSpy finds the signals, from the wheel that users install, and nothing heavy comes along."""

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "pyxem", "gudhi", "ipyvolume", "matplotlib.pyplot", "numba")


@pytest.fixture(scope="module")
def wheel_python(tmp_path_factory) -> Path:
    """A Python of a new environment with the built wheel and this environment's dependencies."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(
        ROOT / "hyperspy_stereo",
        source / "hyperspy_stereo",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source])
    (wheel,) = folder.glob("*.whl")
    environment = folder / "environment"
    _run([sys.executable, "-m", "venv", "--without-pip", environment])
    python = environment / "bin" / "python"
    (site,) = environment.glob("lib/python*/site-packages")
    # A line in a .pth adds the dependencies without running the .pth files beside them, so the
    # checkout's editable install stays unseen.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    _run([*pip, "--python", python, "install", "--no-deps", wheel])
    return python


def _run(command: list, **kwargs) -> str:
    done = subprocess.run(
        [str(c) for c in command], capture_output=True, text=True, check=False, **kwargs
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _ask(python: Path, code: str):
    """Run code far from the checkout and return what it prints last, as JSON."""
    return json.loads(_run([python, "-c", code], cwd=python.parent).splitlines()[-1])


def test_wheel_registers_every_class_and_its_lazy_twin(wheel_python):
    code = """
import json, pathlib, hyperspy_stereo
from hyperspy.extensions import ALL_EXTENSIONS
found = {n: s for n, s in ALL_EXTENSIONS["signals"].items() if "hyperspy_stereo" in s["module"]}
print(json.dumps([found, str(pathlib.Path(hyperspy_stereo.__file__).parent)]))
"""
    found, where = _ask(wheel_python, code)
    assert str(ROOT) not in where
    eager = {"Diffraction4DStereo", "StereoPair", "DislocationMap", "ParticleMap"}
    assert set(found) == eager | {f"Lazy{name}" for name in eager}
    for name in eager:
        lazy = found[f"Lazy{name}"]
        assert (found[name]["lazy"], lazy["lazy"]) == (False, True)
        assert found[name]["signal_type_aliases"] == lazy["signal_type_aliases"] != []


def test_wheel_signals_are_made_by_hyperspy(wheel_python):
    code = """
import json, numpy as np, hyperspy.api as hs
made = []
for kind in ("Diffraction4D-Stereo", "diffraction4d_stereo", "StereoPair", "stereo_pair",
             "DislocationMap", "dislocation_map", "ParticleMap", "particle_map"):
    for lazy in (False, True):
        s = hs.signals.Signal2D(np.zeros((2, 3, 16, 16)))
        s = s.as_lazy() if lazy else s
        s.set_signal_type(kind)
        made.append((type(s).__name__, type(s).__module__, s.metadata.Signal.signal_type))
print(json.dumps(made))
"""
    made = _ask(wheel_python, code)
    names = ["Diffraction4DStereo", "StereoPair", "DislocationMap", "ParticleMap"]
    expected = [prefix + name for name in names for _ in range(2) for prefix in ("", "Lazy")]
    assert [m[0] for m in made] == expected
    assert all(m[1].startswith("hyperspy_stereo.signals.") for m in made)
    assert {m[2] for m in made} == {"Diffraction4D-Stereo", *names[1:]}


@pytest.mark.parametrize(
    "code",
    [
        "import hyperspy_stereo",
        "import hyperspy_stereo; dir(hyperspy_stereo); dir(hyperspy_stereo.signals)",
        "import hyperspy.api as hs; hs.signals; hs.signals.Signal2D; hs.load",
    ],
)
def test_import_is_light(wheel_python, code):
    heavy = HEAVY if "hyperspy.api" not in code else HEAVY[:4]
    loaded = _ask(wheel_python, f"{code}\nimport json, sys\nprint(json.dumps(list(sys.modules)))")
    assert not set(heavy) & set(loaded)


def test_yaml_of_the_root_is_the_package_s():
    root, package = ROOT / "hyperspy_extension.yaml", ROOT / "hyperspy_stereo"
    assert root.is_symlink()
    assert root.resolve() == (package / "hyperspy_extension.yaml").resolve()
    entries = yaml.safe_load(root.read_text())["signals"]
    assert all(isinstance(entry["lazy"], bool) for entry in entries.values())


def test_version_is_written_into_files(wheel_python):
    code = """
import json, importlib.metadata as m, hyperspy_stereo
print(json.dumps([m.version("hyperspy_stereo"), hyperspy_stereo.__version__]))
"""
    installed, said = _ask(wheel_python, code)
    assert installed == said
