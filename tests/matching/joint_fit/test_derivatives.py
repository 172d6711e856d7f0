"""Derivatives of the image model against finite differences, for every kind of unknown."""

import numpy as np
import pytest

from hyperspy_stereo.matching.joint_fit import problem
from hyperspy_stereo.matching.joint_fit.curve_basis import curve_basis
from hyperspy_stereo.matching.joint_fit.fit import nearby
from hyperspy_stereo.matching.joint_fit.layout import layout, view_geometry
from hyperspy_stereo.matching.joint_fit.problem import Scene, equations, support_of, transmittance
from hyperspy_stereo.matching.joint_fit.profile import line_profile

STEP = 1e-5
KINDS = ("depth", "offset", "contrast", "asymmetry", "width", "kappa", "gains")


@pytest.fixture(scope="module", params=["tiltless", "tilt"])
def crossing(request):
    """Two lines that cross, in three views, at random unknowns."""
    rng = np.random.default_rng(0)
    t = np.linspace(0, 1, 60)
    one = np.column_stack([10 + 40 * t, 8 + 45 * t + 4 * np.sin(3 * t), -20 + 40 * t])
    two = np.column_stack([50 - 40 * t, 12 + 40 * t, 10 * np.cos(3 * t)])
    basis = curve_basis([one, two])
    views = view_geometry([[50, 8], [-50, -3], [10, 20]], request.param, centre=(31, 31))
    place = layout(basis, 3)
    relief = 1 + rng.normal(0, 0.1, (3, len(basis.base)))
    scene = Scene(basis, place, views, (64, 64), relief)
    x = np.empty(place.starts[-1])
    for line in range(2):
        x[place.depth[line]] = basis.depth[line] + rng.normal(0, 0.5, basis.knots[line])
        x[place.offset[line]] = rng.normal(0, 0.1, basis.knots[line])
        x[place.contrast[line]] = 0.3 + rng.normal(0, 0.05, basis.contrast_knots[line])
        x[place.asymmetry[line]] = rng.normal(0, 0.1, basis.contrast_knots[line])
    x[place.width], x[place.kappa] = np.log([2.0, 1.7]), [0.02, -0.03]
    x[place.gains] = 1 + rng.normal(0, 0.2, (2, 3))
    shared = np.append(rng.normal(0, 0.2, 6), 0.03)
    data = transmittance(scene, x, shared) + rng.normal(0, 0.02, (3, 64, 64))
    support = support_of(scene, nearby(scene, x, shared, 2.0))
    return scene, support, data, np.full(data.shape, 400.0), x, shared


def _difference(function, at, index):
    step = np.zeros(len(at))
    step[index] = STEP
    return (function(at + step) - function(at - step)) / (2 * STEP)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_of_the_lines(crossing, kind):
    scene, support, data, weight, x, shared = crossing
    exact = equations(scene, support, data, weight, x, shared).gradient
    own = getattr(scene.place, kind)
    index = np.concatenate([np.arange(x.size)[part] for part in own]) if kind in KINDS[:4] else own

    def cost(unknowns):
        return equations(scene, support, data, weight, unknowns, shared).cost.sum()

    for i in np.ravel(index)[:: 3 if kind in KINDS[:4] else 1]:
        # The profile is cut off where it is 0.1 %: a pixel may enter or leave during the step.
        assert _difference(cost, x, i) == pytest.approx(exact[i], rel=2e-3, abs=0.15)


def test_gradient_of_what_views_share(crossing):
    scene, support, data, weight, x, shared = crossing
    exact = equations(scene, support, data, weight, x, shared).border_gradient

    def cost(common):
        return equations(scene, support, data, weight, x, common).cost.sum()

    for i in range(len(shared)):
        assert _difference(cost, shared, i) == pytest.approx(exact[i], rel=2e-3, abs=0.15)


def test_blocks_are_products_of_the_gradients(crossing):
    """One datum off by one sigma at a time: its gradient is a row of the Jacobian."""
    scene, support, _, weight, x, shared = crossing
    model = transmittance(scene, x, shared)
    total = equations(scene, support, model, weight, x, shared)
    product = np.zeros((2, 2))
    at = [scene.place.depth[0].start + 5, scene.place.depth[1].start + 5]
    for p in support.pixels:
        row = np.zeros(model.size)
        row[p] = weight.flat[p]
        shifted = model.copy()
        shifted.flat[p] -= 1.0 / 20.0
        g = equations(scene, support, shifted, row.reshape(model.shape), x, shared).gradient[at]
        product += np.outer(g, g)
        if p > support.pixels[400]:
            break
    upto = np.where(np.arange(model.size) <= p, weight.ravel(), 0.0).reshape(model.shape)
    total = equations(scene, support, model, upto, x, shared)
    sizes, starts = np.diff(scene.place.starts), scene.place.starts
    for a in range(2):
        for b in range(2):
            begin = support.block_at[a, b]
            block = total.blocks[begin : begin + sizes[a] * sizes[b]].reshape(sizes[a], sizes[b])
            value = block[at[a] - starts[a], at[b] - starts[b]]
            assert value == pytest.approx(product[a, b], rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("distance", [-3.0, -0.4, 0.0, 1.5])
def test_profile(distance):
    at = np.array([distance, np.log(1.7), 0.3, -0.2, 1.2])

    def factor(q):
        return line_profile(q[0], np.exp(q[1]), q[2], q[3], q[4])[0]

    exact = line_profile(distance, 1.7, 0.3, -0.2, 1.2)[1:]
    for i in range(5):
        assert _difference(factor, at, i) == pytest.approx(exact[i], abs=1e-8)


def test_huber_limits_the_pull_of_a_wrong_pixel(crossing):
    scene, support, _, weight, x, shared = crossing
    model = transmittance(scene, x, shared)
    wrong = model.copy()
    wrong.flat[support.pixels[50]] += 1.0
    cost = equations(scene, support, wrong, weight, x, shared).cost.sum()
    assert cost == pytest.approx(problem.HUBER * (20.0 - 0.5 * problem.HUBER), rel=1e-6)
