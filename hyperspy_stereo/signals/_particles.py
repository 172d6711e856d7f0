"""From views to particles: wraps the detectors and the matching of arrays for HyperSpy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from hyperspy_stereo.detection.particles import (
    Detections,
    ParticleShape,
    check_diameter,
    contour_particles,
    detect_particles,
    find_shape,
    hough_particles,
)
from hyperspy_stereo.detection.particles.detect import TILE
from hyperspy_stereo.detection.particles.ground import background, correlate
from hyperspy_stereo.detection.particles.profile import template
from hyperspy_stereo.signals import _checks
from hyperspy_stereo.signals._detecting import SHORT, _plain
from hyperspy_stereo.signals._progress import progress
from hyperspy_stereo.signals._view_stack import ViewStack

METHODS = {
    "matched": ("false_alarms", "polarity"),
    "hough": ("blur", "polarity", "threshold"),
    "contours": ("blur", "polarity", "threshold"),
}
SHAPE = ("radius", "spread", "exponent", "blur", "sign")
#: What a particle of a view is stored as: name in the table, and field of Detections.
COLUMNS = ("view", "x", "y", "sigma_x", "sigma_y", "radius", "height", "significance")


def particle_map(
    pair: ViewStack,
    diameter: float | None,
    method: str,
    settings: dict,
    show_progressbar: bool | None = None,
):
    """Detect particles in each view and return a ParticleMap.

    Where particles are is found at once, one view for each thread at a time. The images and
    responses of a lazy stack stay lazy.
    """
    import dask
    import numba

    _checks.method_options(method, settings, METHODS, "detect_particles")
    views, inside = pair._views_array(), pair._inside_scan()
    _checks.image_array(views[0], "a view")
    pixel_size, _ = pair._image_axes()
    if diameter is not None:
        diameter = _checks.real_number(diameter, "diameter", "units of the images") / pixel_size
        check_diameter(diameter, views.shape[-2:])
    prepared = [dask.delayed(_prepared)(view, inside) for view in views]
    detector, told = _detector(prepared[0], diameter, method, settings)
    tasks = [dask.delayed(_only_inside)(dask.delayed(detector)(p), inside) for p in prepared]
    if pair._lazy:
        wanted = tasks
    else:
        wanted = [
            dask.delayed((p, t, dask.delayed(_response)(p, t)))
            for p, t in zip(prepared, tasks, strict=True)
        ]
    with progress(show_progressbar, SHORT):
        # Compiled parts let other threads run, and numba says how many there may be.
        done = dask.compute(*wanted, scheduler="threads", num_workers=numba.get_num_threads())
    if pair._lazy:
        found = list(done)
        images, response = _still_lazy(prepared, found, views.shape)
    else:
        images, found, response = (list(column) for column in zip(*done, strict=True))
        images, response = np.stack(images), np.stack(response)
    told["diameter"] = "auto" if diameter is None else diameter * pixel_size
    return _as_map(pair, images, found, response, {"method": method, **told})


def _detector(first, diameter: float | None, method: str, settings: dict) -> tuple[Callable, dict]:
    """What finds the particles of one view, and what to write down about it."""
    if method != "matched":
        run = hough_particles if method == "hough" else contour_particles
        return partial(run, diameter=diameter, **settings), dict(settings)
    polarity = settings.get("polarity", "auto")
    alarms = _checks.real_number(
        settings.get("false_alarms", 0.01), "false_alarms", "a share of the particles"
    )
    shape = find_shape(first.compute(scheduler="synchronous"), diameter, polarity)
    run = partial(
        detect_particles, diameter=diameter, polarity=polarity, false_alarms=alarms, shape=shape
    )
    return run, {"false_alarms": alarms, "polarity": polarity}


def _still_lazy(prepared: list, found: list[Detections], shape: tuple[int, ...]):
    """Images and responses (V, H, W) that are computed when they are asked for, view by view."""
    import dask
    import dask.array as da

    answers = [dask.delayed(_response)(p, f) for p, f in zip(prepared, found, strict=True)]
    return tuple(
        da.stack([da.from_delayed(t, shape[1:], dtype=np.float32) for t in tasks])
        for tasks in (prepared, answers)
    )


def _as_map(pair: ViewStack, images, found: list[Detections], response, told: dict):
    """A ParticleMap with the calibration and state of `pair`."""
    from hyperspy_stereo.signals.particle_map import LazyParticleMap, ParticleMap

    axes = list(pair.axes_manager.as_dictionary().values())
    shape = pair.data.shape
    result = (LazyParticleMap if hasattr(response, "dask") else ParticleMap)(
        response.reshape(shape), axes=axes
    )
    result.metadata.add_dictionary(pair.metadata.as_dictionary())
    result.metadata.set_item("Signal.signal_type", ParticleMap._signal_type)
    result.original_metadata.add_dictionary(pair.original_metadata.as_dictionary())
    result.metadata.set_item("Stereo.Detection.images", _plain(images.reshape(shape), axes))
    for key, value in told.items():
        result.metadata.set_item(f"Stereo.Detection.{key}", value)
    write_detections(result, found)
    return result


def write_detections(maps: ViewStack, found: list[Detections]) -> None:
    """Write detections into the metadata, in the coordinates of the image axes.

    So they stay right when the map is cropped.
    """
    x_axis, y_axis = maps.axes_manager.signal_axes
    view = np.repeat(np.arange(len(found)), [len(f) for f in found])
    where, sigma = np.vstack([f.positions for f in found]), np.vstack([f.sigma for f in found])
    scale = abs(x_axis.scale)
    columns = (
        view,
        x_axis.offset + where[:, 0] * x_axis.scale,
        y_axis.offset + where[:, 1] * y_axis.scale,
        sigma[:, 0] * scale,
        sigma[:, 1] * scale,
        np.concatenate([f.radius for f in found]) * scale,
        np.concatenate([f.height for f in found]),
        np.concatenate([f.significance for f in found]),
    )
    node = "Stereo.Detection"
    for name, values in zip(COLUMNS, columns, strict=True):
        maps.metadata.set_item(f"{node}.Particles.{name}", np.asarray(values))
    maps.metadata.set_item(f"{node}.view_numbers", np.arange(len(found)))
    maps.metadata.set_item(f"{node}.thresholds", np.array([f.threshold for f in found]))
    maps.metadata.set_item(f"{node}.noise", np.array([f.noise for f in found]))
    lengths = np.array([scale, scale, 1.0, scale, 1.0])
    shapes = [
        np.full(5, np.nan) if f.shape is None else [getattr(f.shape, n) for n in SHAPE]
        for f in found
    ]
    maps.metadata.set_item(f"{node}.shapes", np.array(shapes, dtype=float) * lengths)


def read_detections(maps: ViewStack) -> list[Detections]:
    """Detections of each view, in px of the present images, from the metadata."""
    node = maps.metadata.get_item("Stereo.Detection.Particles")
    if node is None:
        raise ValueError(
            "This ParticleMap holds no particles: make one by "
            "StereoPair.from_segments(...).detect_particles()."
        )
    told = maps.metadata.Stereo.Detection
    columns = {name: np.atleast_1d(np.asarray(node.get_item(name))) for name in COLUMNS}
    x_axis, y_axis = maps.axes_manager.signal_axes
    scale = abs(x_axis.scale)
    x = (columns["x"] - x_axis.offset) / x_axis.scale
    y = (columns["y"] - y_axis.offset) / y_axis.scale
    lengths = np.array([scale, scale, 1.0, scale, 1.0])
    shapes = np.asarray(told.shapes, dtype=float).reshape(-1, 5) / lengths
    kept = (x > -0.5) & (x < x_axis.size - 0.5) & (y > -0.5) & (y < y_axis.size - 0.5)
    found = []
    for number in np.atleast_1d(np.asarray(told.view_numbers)).astype(int):
        use = kept & (columns["view"] == number)
        shape = None
        if np.isfinite(shapes[number]).all():
            *plain, sign = shapes[number].tolist()
            shape = ParticleShape(*plain, sign=int(sign))
        found.append(
            Detections(
                np.column_stack([x[use], y[use]]),
                np.column_stack([columns["sigma_x"][use], columns["sigma_y"][use]]) / scale,
                columns["radius"][use] / scale,
                columns["height"][use],
                columns["significance"][use],
                float(np.atleast_1d(told.thresholds)[number]),
                float(np.atleast_1d(told.noise)[number]),
                shape,
            )
        )
    return found


def particle_cloud(maps: ViewStack, depth_range):
    """Match the particles of all views and return a ParticleCloud."""
    from hyperspy_stereo.matching.particles import reconstruct_particles
    from hyperspy_stereo.results import ParticleCloud

    pixel_size, units = maps._image_axes()
    incidence, geometry = maps.incidence, maps.geometry
    images = maps.attached("images")
    depths = None if depth_range is None else tuple(d / pixel_size for d in _range(depth_range))
    alarms = float(maps.metadata.get_item("Stereo.Detection.false_alarms", default=0.01))
    match = reconstruct_particles(
        images, read_detections(maps), incidence, geometry, depths, alarms
    )
    errors = match.errors
    info = {
        "method": str(maps.metadata.get_item("Stereo.Detection.method", default="")),
        "false_alarms": alarms,
        "depth_range": [d * pixel_size for d in match.depths],
        "depth_middle": float(np.median(match.points[:, 2]) * pixel_size) if len(match) else None,
        "view_shifts_px": errors.shifts.tolist(),
        "view_slopes_mrad": (1000 * errors.slopes).tolist(),
        "view_errors_known": bool(np.isfinite(errors.shifts_error)),
        "detections": match.rejected,
    }
    return ParticleCloud(
        match.points * pixel_size,
        match.radius * pixel_size,
        match.sigma * pixel_size,
        match.height,
        match.significance,
        match.views_seen,
        match.ambiguous,
        units=units,
        pixel_size=pixel_size,
        geometry=geometry,
        incidence=incidence,
        image_shape=images.shape[-2:],
        info=info,
    )


def _prepared(view, inside) -> np.ndarray:
    """One view as float32, with an even fill where the scan does not reach."""
    image = np.asarray(view)
    _checks.image_array(image, "a view")
    _checks.finite_image(image, "a view")
    image = image.astype(np.float32)
    if inside is not None and not inside.all():
        image[~inside] = np.median(image[inside])
    return image


def _only_inside(found: Detections, inside) -> Detections:
    if inside is None or inside.all() or len(found) == 0:
        return found
    x, y = np.round(found.positions).astype(int).T
    use = inside[np.clip(y, 0, inside.shape[0] - 1), np.clip(x, 0, inside.shape[1] - 1)]
    return found.take(use)


def _response(image: np.ndarray, found: Detections) -> np.ndarray:
    """Answer of the matched filter in standard deviations of the noise; zero if none was found."""
    if found.shape is None:
        return np.zeros_like(image)
    kernel, _ = template(found.shape)
    bright = found.shape.sign * image
    flat = bright - background(bright, int(TILE * found.shape.radius))
    norm = max(found.noise, 1e-30) * np.sqrt((kernel**2).sum())
    return (correlate(flat, kernel) / norm).astype(np.float32)


def _range(value) -> tuple[float, float]:
    if np.shape(value) != (2,):
        raise ValueError(f"depth_range must be (lowest, highest), got {value!r}.")
    low, high = (_checks.real_number(v, "depth_range", "units of the images") for v in value)
    if high <= low:
        raise ValueError(f"depth_range must grow, got ({low:g}, {high:g}).")
    return low, high
