"""Extinction distances: against the reference, limits, voltages, and reflections there are not."""

import json
import re
from ast import literal_eval
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_stereo.simulation.crystals.extinction import (
    absorptive_form_factor,
    extinction_parameters,
    structure_factor,
)
from hyperspy_stereo.simulation.crystals.structure import crystal, face_centred_cubic

REFERENCE = Path(__file__).resolve().parents[4] / "shared/reference/two_beam/extinction.json"
PRESETS = ["TiAl", "GaN", "CrMnFeCoNi", "Al", "Ni", "Si"]


def fcc(debye_waller=0.0086, occupancy=None):
    shares = occupancy or {"Al": 1.0}
    return face_centred_cubic("test", 0.405, shares, dict.fromkeys(shares, debye_waller))


def test_agrees_with_the_reference():
    if not REFERENCE.is_file():
        pytest.skip("no reference numbers beside this checkout")
    cases = json.loads(REFERENCE.read_text())
    assert len(cases) >= 50
    for case, expected in cases.items():
        name, hkl, voltage = re.fullmatch(r"(\w+) (\(.*\)) (\d+)", case).groups()
        found = extinction_parameters(name, literal_eval(hkl), float(voltage))
        assert found.xi_g == pytest.approx(expected["xig"], rel=2e-4), case
        assert found.g_length == pytest.approx(expected["g"], rel=1e-6), case
        assert found.bragg_angle == pytest.approx(expected["thB"], rel=1e-4), case
        # the reference cuts its integral over q off, which leaves out up to half a per cent
        assert found.xi_g_abs == pytest.approx(expected["xigp"], rel=0.006), case
        assert found.xi_0_abs == pytest.approx(expected["xi0p"], rel=0.006), case


@pytest.mark.parametrize(
    ("name", "hkl", "expected"),
    # P. B. Hirsch et al., Electron Microscopy of Thin Crystals (1977), extinction distances at
    # 100 kV, nm
    [("Al", (1, 1, 1), 55.6), ("Al", (2, 0, 0), 67.3), ("Ni", (1, 1, 1), 23.6)],
)
def test_agrees_with_textbooks(name, hkl, expected):
    # theirs are without vibration and from older scattering factors
    assert extinction_parameters(name, hkl, 100).xi_g == pytest.approx(expected, rel=0.15)


def test_debye_waller_damps_by_exp_of_b_g_squared_over_four():
    still, moving = (structure_factor(fcc(b), (2, 2, 0)) for b in (0.0, 0.0086))
    g = 2 * np.sqrt(2) / 0.405
    assert abs(moving / still) == pytest.approx(np.exp(-0.0086 * g**2 / 4), rel=1e-12)


def test_a_crystal_at_rest_does_not_absorb():
    lengths = extinction_parameters(fcc(0.0), (1, 1, 1))
    assert np.isinf([lengths.xi_g_abs, lengths.xi_0_abs]).all()


def test_large_vibration_scatters_everything():
    # with B to infinity only the total elastic cross-section is left: the integral of f^2
    q = np.linspace(0, 4000, 400_001)
    f = np.array([absorptive_form_factor("Al", 0.0, b) for b in (1e3, 1e5)])
    lobato = structure_factor_curve(q)
    whole = np.trapezoid(2 * np.pi * q * lobato**2, q)
    assert f[1] == pytest.approx(whole, rel=2e-3)
    assert f[0] < f[1]


def structure_factor_curve(q):
    from diffsims.utils.lobato_scattering_params import ATOMIC_SCATTERING_PARAMS_LOBATO as table

    a, b = np.array(table["Al"]).T
    x = b * (q[:, None] / 10) ** 2
    return 0.1 * (a * (2 + x) / (1 + x) ** 2).sum(1)


@pytest.mark.parametrize("g", [0.0, 4.0, 12.0])
def test_absorptive_form_factor_is_its_integral_over_the_plane(g):
    b = 0.0086
    edges = np.sinh(np.linspace(0, 9, 1401)) * 0.1
    axis = np.concatenate([-edges[:0:-1], edges])
    x, y = np.meshgrid(axis, axis)
    near, far = np.hypot(x + g / 2, y), np.hypot(x - g / 2, y)
    curve = np.linspace(0, 2 * axis.max(), 400_000)
    values = structure_factor_curve(curve)
    f = np.interp(near, curve, values) * np.interp(far, curve, values)
    damping = np.exp(-b * g**2 / 4) - np.exp(-b * (near**2 + far**2) / 4)
    total = np.trapezoid(np.trapezoid(f * damping, axis, axis=1), axis)
    assert absorptive_form_factor("Al", g, b) == pytest.approx(total, rel=2e-3)


def test_more_vibration_means_more_absorption():
    lengths = [extinction_parameters(fcc(b), (1, 1, 1)).xi_0_abs for b in (0.002, 0.005, 0.01)]
    assert np.all(np.diff(lengths) < 0)


@pytest.mark.parametrize("name", PRESETS)
def test_absorption_is_some_per_cent_of_the_extinction(name):
    lengths = extinction_parameters(name, (1, 1, 0) if name == "GaN" else (2, 2, 0))
    assert 0.01 < lengths.xi_g / lengths.xi_0_abs < 0.1
    assert lengths.xi_g_abs >= lengths.xi_0_abs


@settings(deadline=None)
@given(st.sampled_from(PRESETS), st.sampled_from([100.0, 200.0, 300.0]))
def test_extinction_distance_goes_with_speed_and_absorption_with_its_square(name, voltage):
    hkl = (1, 1, 0) if name == "GaN" else (2, 2, 0)
    low, high = extinction_parameters(name, hkl, 60.0), extinction_parameters(name, hkl, voltage)

    def beta(kilovolts):
        return np.sqrt(1 - 1 / (1 + kilovolts / 510.99895) ** 2)

    ratio = beta(voltage) / beta(60.0)
    assert high.xi_g / low.xi_g == pytest.approx(ratio, rel=2e-3)
    assert high.xi_0_abs / low.xi_0_abs == pytest.approx(ratio**2, rel=1e-6)


@settings(deadline=None)
@given(st.sampled_from([(1, 1, 1), (2, 0, 0), (3, 1, 1), (4, 2, 2)]), st.permutations([0, 1, 2]))
def test_equivalent_reflections_have_the_same_lengths(hkl, order):
    turned = tuple(-hkl[i] for i in order)
    first, second = extinction_parameters("Ni", hkl), extinction_parameters("Ni", turned)
    assert first.xi_g == pytest.approx(second.xi_g, rel=1e-12)
    assert first.xi_g_abs == pytest.approx(second.xi_g_abs, rel=1e-12)


def test_four_indices_are_taken_for_hexagonal_crystals():
    assert extinction_parameters("GaN", (1, 1, -2, 0)) == extinction_parameters("GaN", (1, 1, 0))
    with pytest.raises(ValueError, match="add up to zero"):
        extinction_parameters("GaN", (1, 1, 0, 0))


def test_alloy_scatters_like_the_mean_of_its_elements():
    mixed = structure_factor(fcc(occupancy={"Al": 0.25, "Ni": 0.75}), (1, 1, 1))
    pure = [structure_factor(fcc(occupancy={e: 1.0}), (1, 1, 1)) for e in ("Al", "Ni")]
    assert mixed == pytest.approx(0.25 * pure[0] + 0.75 * pure[1])


@pytest.mark.parametrize(
    ("name", "hkl", "allowed"),
    [
        ("Al", (1, 0, 0), "(111), (002), (022), (113)"),
        ("Si", (2, 2, 2), "(111), (022), (113), (004)"),
        ("GaN", (0, 0, 1), "(0002)"),
        ("CrMnFeCoNi", (0, 1, 1), "(111)"),
    ],
)
def test_forbidden_reflections_name_allowed_ones(name, hkl, allowed):
    with pytest.raises(ValueError, match=f"forbidden.*{re.escape(allowed)}"):
        extinction_parameters(name, hkl)


def test_superlattice_reflections_of_tial_are_weak_but_there():
    weak, strong = (extinction_parameters("TiAl", hkl).xi_g for hkl in ((0, 0, 1), (0, 0, 2)))
    assert weak > 2 * strong
    with pytest.raises(ValueError, match="forbidden"):
        extinction_parameters("TiAl", (1, 0, 0))


@pytest.mark.parametrize("voltage", [0, -200, 200_000, np.nan])
def test_voltage_is_in_kilovolts(voltage):
    with pytest.raises(ValueError, match="in kV"):
        extinction_parameters("Al", (1, 1, 1), voltage)


def test_elements_without_scattering_factors_are_told():
    with pytest.raises(ValueError, match="no scattering factors for 'Xx'"):
        extinction_parameters(fcc(occupancy={"Xx": 1.0}), (1, 1, 1))


def test_presets_say_where_their_vibration_comes_from():
    assert all(crystal(name).debye_waller_source for name in PRESETS)
