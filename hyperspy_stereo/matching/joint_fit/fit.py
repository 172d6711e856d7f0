"""Curves fitted to all views at once: depth far below a pixel of disparity, with error bars.

Pairs of pixels share the aperture problem of the line they lie on; a curve that has to explain
every view at every pixel near it does not. Each view is modelled as a smooth background times one
factor per line, 1 - b (c + a x) exp(-x^2 / 2), with x the distance from the projected curve in
units of its width; what is fitted are the curves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from hyperspy_stereo.geometry.incidence import as_incidence
from hyperspy_stereo.matching.joint_fit.curve_basis import curve_basis, second_differences
from hyperspy_stereo.matching.joint_fit.fitted_curves import (
    FittedCurves,
    Projection,
    crosses,
    positions,
    runs_along,
)
from hyperspy_stereo.matching.joint_fit.layout import (
    ViewGeometry,
    along_lines,
    corners_in_views,
    layout,
    view_geometry,
)
from hyperspy_stereo.matching.joint_fit.line_residuals import position_chi_square, with_relief
from hyperspy_stereo.matching.joint_fit.normalise import as_variance, as_views, normalised
from hyperspy_stereo.matching.joint_fit.prior import Prior, line_priors, start_values
from hyperspy_stereo.matching.joint_fit.problem import (
    MARGIN,
    PADDING,
    Near,
    Scene,
    Support,
    near_lines,
    support_of,
    transmittance,
)
from hyperspy_stereo.matching.joint_fit.profile import REACH
from hyperspy_stereo.matching.joint_fit.solver import (
    Fitted,
    covariances,
    shared_prior,
    solve,
)

__all__ = ["SHIFT_SIGMA", "WANDER", "depth_spread", "fit_curves", "nearby", "seen_by"]

WANDER = (0.3, 0.1)
"""px per knot: a depth that bends with 50 px radius, and a matcher's wiggles across the line."""
WANDER_RANGE = ((0.02, 5.0), (0.01, 1.0))
SHIFT_SIGMA = {"tiltless": 0.0, "tilt": 0.3}
"""px: views of one scan are registered by construction; images taken one by one are not."""
STAGES = (
    (("asymmetry", "kappa", "gains"), 5),
    ((), 4),
    ((), 4),
    ((), 4),
)
"""What is held, and how many steps; pixels and background are chosen anew between the stages."""


def fit_curves(
    views: ArrayLike,
    incidence: ArrayLike,
    start: Sequence[ArrayLike],
    *,
    geometry: str = "tiltless",
    centre: tuple[float, float] | None = None,
    reference: tuple[float, float] = (0.0, 0.0),
    parallax_azimuth: float = 0.0,
    variance: ArrayLike | None = None,
    width: float = 2.0,
    wander: tuple[float, float] | None = None,
    shift_sigma: float | None = None,
    rotation_sigma: float = 0.0,
    background_sigma: float = 5.0,
) -> FittedCurves:
    """Fit lines to all views jointly.

    Parameters
    ----------
    views : array-like of shape (V, H, W)
        Real images of any scale, V >= 2; NaN where there is no datum.
    incidence : array-like of shape (V, 2)
        mrad, in the frame of the image.
    start : sequence of (n, 3) array-like
        x, y (px of the reference view) and depth z (px) along each line, to about 1 px across the
        line and a disparity within the width of the line; gaps are bridged.
    geometry : {"tiltless", "tilt"}
        See :func:`hyperspy_stereo.geometry.triangulation.projection_matrices`.
    centre : (x, y), optional
        A point of the tilt axis, px. Default the middle of the image; no effect for "tiltless".
    reference : (theta_x, theta_y)
        Incidence of the view in which x and y are given, mrad. Default (0, 0), as in
        ``triangulation.project``.
    parallax_azimuth : float
        Direction of the Kikuchi line in the image, degrees. Default 0: along rows.
    variance : float, (V,) or (V, H, W) array-like, optional
        Of a pixel, in units of the views squared. Default: counting noise whose scale is estimated
        from each view.
    width : float
        Standard deviation of a line's profile at the start, px. Default 2, what lines of 5 px
        FWHM have; fitted for each line.
    wander : (float, float), optional
        Standard deviation of the second difference (knots 4 px apart) of depth and of the offset
        across the line, px. Default: estimated from the data, one pair for all lines.
    shift_sigma : float, optional
        How far views may be shifted against each other, px; 0 holds them. Default 0 for
        "tiltless", 0.3 for "tilt".
    rotation_sigma : float
        How far the direction of parallax may be turned against the incidences, rad. Default 0:
        it is not fitted.
    background_sigma : float
        Neighbourhood over which the background is smooth, px. Default 5, some two widths of a line:
        what is left of shading and fringes shifts lines, and by more than the noise does.

    Returns
    -------
    FittedCurves

    Raises
    ------
    TypeError
        If views are complex, or `start` is no list of lines.
    ValueError
        If shapes do not fit, lines are too short, or no view is displaced along the parallax.

    References
    ----------
    B. Triggs et al., Bundle adjustment - a modern synthesis, LNCS 1883 (2000) 298 (gauge, robust
    cost, Schur complement); D. J. C. MacKay, Neural Computation 4 (1992) 415 (wander).

    Examples
    --------
    >>> import numpy as np
    >>> from hyperspy_stereo.geometry import incidence_pair
    >>> y, x = np.mgrid[:48, :48]
    >>> disparity = incidence_pair(8)[0, 0] / 1000 * 10
    >>> views = [100 - 30 * np.exp(-0.5 * ((x - 24 + s * disparity) / 2) ** 2) for s in (1, -1)]
    >>> fit = fit_curves(views, incidence_pair(8), [[[24, 6, 6.0], [24, 42, 6.0]]], variance=1.0)
    >>> bool(np.abs(fit.lines[0][:, 2] - 10).max() < 0.3)
    True
    """
    theta = as_incidence(incidence)
    images = as_views(views, len(theta))
    _check_numbers(width, wander, shift_sigma, rotation_sigma, background_sigma)
    shape = images.shape[1:]
    middle = ((shape[1] - 1) / 2, (shape[0] - 1) / 2) if centre is None else centre
    projection = Projection(geometry, tuple(middle), tuple(reference), float(parallax_azimuth))
    seen = seen_by(theta, projection)
    basis = curve_basis(start)
    flat = np.ones((len(theta), len(basis.base)))
    scene = Scene(basis, layout(basis, len(theta)), seen, shape, flat)
    noise = as_variance(variance, images)
    slack = SHIFT_SIGMA[geometry] if shift_sigma is None else shift_sigma
    common = shared_prior(seen, slack, rotation_sigma)
    begin = start_values(basis, scene.place, width)
    fitted, state = None, (begin, np.zeros(2 * len(theta) + 1))
    bend = WANDER if wander is None else wander
    for stage, (held, steps) in enumerate(STAGES):
        data, weight, support = _prepared(scene, images, noise, state, background_sigma, stage == 0)
        prior = line_priors(basis, scene.place, begin, bend, held=held)
        fitted = solve(scene, support, data, weight, prior, common, *state, steps)
        state = (fitted.unknowns, fitted.shared)
        if stage > 0:
            scene = with_relief(scene, data, weight, *state)
        if wander is None and stage > 0:
            bend = _wander(scene, support, fitted, prior, bend)
    return _result(
        scene, images, noise, fitted, theta, projection, common, bend, background_sigma, begin
    )


def seen_by(incidence: np.ndarray, projection: Projection) -> ViewGeometry:
    """Projection into views, checked for parallax.

    Parameters
    ----------
    incidence : (V, 2) ndarray
        mrad.
    projection : Projection
        Geometry and frame.

    Returns
    -------
    ViewGeometry

    Raises
    ------
    ValueError
        If there are fewer than two views, or none is displaced along the parallax.
    """
    if len(incidence) < 2:
        raise ValueError(
            "Depth needs at least two views; one incidence was given. Split the detector into "
            "two or more (virtual_stereo), or add the second image."
        )
    seen = view_geometry(
        incidence,
        projection.geometry,
        centre=projection.centre,
        reference=projection.reference,
        parallax_azimuth=projection.parallax_azimuth,
    )
    if np.ptp(seen.parallax @ seen.direction) < 1e-4:
        raise ValueError(
            "The incidences do not differ along the parallax axis (azimuth "
            f"{projection.parallax_azimuth:g} degrees): depth cannot be found. Give "
            "`parallax_azimuth`, or take views that lie apart along the Kikuchi line."
        )
    return seen


def nearby(scene: Scene, unknowns: np.ndarray, shared: np.ndarray, margin: float) -> Near:
    """Pixels within reach of the lines, and a margin.

    Parameters
    ----------
    scene : Scene
        Of V views.
    unknowns, shared : ndarray
        See ``layout.Layout``.
    margin : float
        px.

    Returns
    -------
    Near
    """
    depth, offset, _, _ = along_lines(scene.basis, scene.place, unknowns)
    kappa = unknowns[scene.place.kappa]
    corners = corners_in_views(scene.basis, scene.views, depth, offset, kappa, shared)
    return near_lines(scene, corners, REACH * np.exp(unknowns[scene.place.width]) + margin)


def _check_numbers(width, wander, shift_sigma, rotation_sigma, background_sigma) -> None:
    if not width > 0:
        raise ValueError(f"`width` is the standard deviation of a line in px, above 0; {width!r}.")
    if wander is not None and (np.shape(wander) != (2,) or not np.all(np.asarray(wander) > 0)):
        raise ValueError(
            f"`wander` is two positive numbers in px, of depth and of offset; {wander!r} was "
            "given. None estimates them."
        )
    if (shift_sigma is not None and shift_sigma < 0) or rotation_sigma < 0:
        raise ValueError("`shift_sigma` (px) and `rotation_sigma` (rad) are 0 or positive.")
    if not background_sigma >= 2 * width:
        raise ValueError(
            f"background_sigma={background_sigma!r} px is less than two widths of a line "
            f"({width!r} px): the background would follow the lines. Take 2.5 widths or more."
        )


def _prepared(scene, images, noise, state, background_sigma, first):
    """Transmittance, weights and pixels for one stage."""
    near = nearby(scene, *state, PADDING + MARGIN)
    model = transmittance(scene, *state)
    if first:
        # No contrast is known yet: the background is what lies beside the lines.
        model.reshape(-1)[near.pixel] = 0.0
    data, weight = normalised(images, noise, model, background_sigma)
    support = support_of(scene, near)
    weight *= support.used.reshape(weight.shape)
    return data, weight, support


def _wander(
    scene: Scene, support: Support, fitted: Fitted, prior: Prior, bend: tuple[float, float]
) -> tuple[float, float]:
    """Stiffness that the data ask for: sum of squares over the number of determined bends."""
    out = []
    for k, part in enumerate((scene.place.depth, scene.place.offset)):
        square, determined = 0.0, 0.0
        for line, own in enumerate(part):
            begin, size = support.block_at[line, line], len(prior.pull[line])
            block = fitted.equations.blocks[begin : begin + size**2].reshape(size, size)
            # Given the other lines: cheap, and enough for a variance.
            covariance = np.linalg.inv(block + prior.precision[line])
            inner = slice(own.start - scene.place.starts[line], own.stop - scene.place.starts[line])
            rough = second_differences(own.stop - own.start)
            left = np.trace(rough @ covariance[inner, inner] @ rough.T) / bend[k] ** 2
            square += float(np.sum((rough @ fitted.unknowns[own]) ** 2))
            determined += len(rough) - left
        # Two bends' worth of the present value: nothing to estimate from leaves it as it is.
        new = np.sqrt((square + 2 * bend[k] ** 2) / (max(determined, 0.0) + 2))
        out.append(float(np.clip(new, *WANDER_RANGE[k])))
    return out[0], out[1]


def _result(
    scene, images, noise, fitted, theta, projection, common, bend, background_sigma, begin
) -> FittedCurves:
    """Lines, error bars and flags at the solution."""
    basis, place = scene.basis, scene.place
    prior = line_priors(basis, place, begin, bend)
    state = (fitted.unknowns, fitted.shared)
    near = nearby(scene, *state, PADDING + MARGIN)
    support = support_of(scene, near)
    model = transmittance(scene, *state)
    data, weight = normalised(images, noise, model, background_sigma)
    weight *= support.used.reshape(weight.shape)
    at = solve(scene, support, data, weight, prior, common, *state, 3)
    blocks, shared = covariances(scene, support, at.equations, prior, common)
    width = np.exp(at.unknowns[place.width])
    residual = (transmittance(scene, at.unknowns, at.shared) - data) * np.sqrt(weight)
    chi2 = _chi_square(scene, near, support, residual.reshape(-1), width, blocks, prior)
    moved = position_chi_square(
        scene, data, weight, at.unknowns, at.shared, _determined(scene, blocks, prior)
    )
    stretch = np.sqrt(np.maximum(np.maximum(chi2, moved), 1.0))
    lines = positions(scene, at.unknowns)
    values = along_lines(basis, place, at.unknowns)
    contrast, asymmetry = (np.split(v, basis.starts[1:-1]) for v in values[2:])
    spread = [
        [stretch[i] * _spread(scene, i, blocks[i], part[i]) for i in range(len(basis))]
        for part in (place.depth, place.offset)
    ]
    error = np.sqrt(np.maximum(np.diagonal(shared), 0.0))
    return FittedCurves(
        lines=lines,
        sigma=spread[0],
        sigma_lateral=spread[1],
        contrast=contrast,
        asymmetry=asymmetry,
        width=width,
        kappa=at.unknowns[place.kappa],
        gains=at.unknowns[place.gains],
        chi2=chi2,
        aligned=[runs_along(line, scene.views.direction) for line in lines],
        crossing=crosses(lines),
        shifts=at.shared[:-1].reshape(-1, 2),
        shifts_sigma=error[:-1].reshape(-1, 2),
        rotation=float(at.shared[-1]),
        rotation_sigma=float(error[-1]),
        wander=bend,
        converged=bool(at.converged.all()),
        incidence=theta,
        projection=projection,
        scene=scene,
        unknowns=at.unknowns,
        shared=at.shared,
    )


def depth_spread(scene: Scene, line: int, covariance: np.ndarray) -> np.ndarray:
    """1-sigma of the depth of a line at its vertices.

    Parameters
    ----------
    scene : Scene
        Of L lines.
    line : int
        Which.
    covariance : (p, p) ndarray
        Of its unknowns.

    Returns
    -------
    (n,) ndarray
        px.
    """
    return _spread(scene, line, covariance, scene.place.depth[line])


def _spread(scene: Scene, line: int, covariance: np.ndarray, part: slice) -> np.ndarray:
    """1-sigma of a spline of knots 4 px apart at its vertices."""
    begin, matrix = scene.place.starts[line], scene.basis.matrix(line)
    own = slice(part.start - begin, part.stop - begin)
    return np.sqrt(np.einsum("ni,ij,nj->n", matrix, covariance[own, own], matrix))


def _determined(scene: Scene, blocks: list[np.ndarray], prior: Prior) -> np.ndarray:
    """(L,) how many unknowns of depth and offset the data, not the prior, determine."""
    out = np.empty(len(blocks))
    for line, (block, precision) in enumerate(zip(blocks, prior.precision, strict=True)):
        share = np.diagonal(precision @ block)[: 2 * scene.basis.knots[line]]
        out[line] = len(share) - share.sum()
    return out


def _chi_square(scene, near, support, residual, width, blocks, prior) -> np.ndarray:
    """Reduced chi-square within 2.5 widths of each line."""
    inside = support.used[near.pixel] & (np.abs(near.distance) < 2.5 * width[near.line])
    out = np.ones(len(scene.basis))
    for line in range(len(scene.basis)):
        mine = inside & (near.line == line)
        count = int(mine.sum())
        fitted = len(prior.pull[line]) - np.trace(prior.precision[line] @ blocks[line])
        if count:
            square = float(np.sum(residual[near.pixel[mine]] ** 2))
            out[line] = square / max(count - fitted, 0.5 * count)
    return out
