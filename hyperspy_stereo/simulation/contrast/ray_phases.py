"""What the electrons meet along the rays of a row: smooth strain, faults and grains."""

from __future__ import annotations

import numba
import numpy as np

from hyperspy_stereo.simulation.contrast.vector_math import FAST


@numba.njit(**FAST)
def add_smooth_field(field, x, y, theta, focus, dz, planes, phase):
    """Add the smooth part of the strain to the phase of a row; see `tangent_field` for arguments.

    Parameters
    ----------
    planes : (nz_grid, nx) float32
        Working memory.
    """
    nz, ny, _, n_grid = field.gradient.shape
    h = field.spacing
    row = np.empty(n_grid, np.float32)
    for k in range(nz):
        depth = field.origin[2] + k * h - focus
        v = min(max((y + theta[1] * depth - field.origin[1]) / h, 1.0), ny - 2.001)
        j = int(v)
        _contract(field.gradient[k, j - 1 : j + 3], np.float32(v - j), theta, row)
        _spread(
            row, x, np.float32(theta[0] * depth - field.origin[0]), np.float32(1 / h), planes[k]
        )
    _add_planes(planes[:nz], field.origin[2], h, dz, phase)


@numba.njit(**FAST)
def add_fine_fields(fields, x, y, theta, focus, dz, planes, phase):
    """Add what tight curves add to the smooth part near them; arguments as `add_smooth_field`."""
    for f in range(len(fields.spacing)):
        h, origin = fields.spacing[f], fields.origin[f]
        nx, ny, nz = fields.counts[f, 0], fields.counts[f, 1], fields.counts[f, 2]
        top, bottom = origin[2] - focus, origin[2] + (nz - 1) * h - focus
        down, up = min(theta[1] * top, theta[1] * bottom), max(theta[1] * top, theta[1] * bottom)
        if y + up < origin[1] or y + down > origin[1] + (ny - 1) * h:
            continue
        left, right = min(theta[0] * top, theta[0] * bottom), max(theta[0] * top, theta[0] * bottom)
        begin = np.searchsorted(x, origin[0] - right)
        end = np.searchsorted(x, origin[0] + (nx - 1) * h - left)
        if end <= begin:
            continue
        gradient = fields.gradient[fields.start[f] : fields.start[f + 1]].reshape(nz, ny, 3, nx)
        row = np.empty(nx, np.float32)
        for k in range(nz):
            depth = top + k * h
            v = min(max((y + theta[1] * depth - origin[1]) / h, 1.0), ny - 2.001)
            j = int(v)
            _contract(gradient[k, j - 1 : j + 3], np.float32(v - j), theta, row)
            _spread(
                row, x[begin:end], np.float32(theta[0] * depth - origin[0]), np.float32(1 / h),
                planes[k, begin:end],
            )  # fmt: skip
        _add_planes(planes[:nz, begin:end], origin[2], h, dz[begin:end], phase[:, begin:end])


@numba.njit(**FAST)
def _add_planes(planes, origin, h, dz, phase):
    """Add the strain on planes of depth h apart to the slices between the first and the last."""
    base, per = np.float32(origin / h), np.float32(1.0 / h)
    low, high = dz.min(), dz.max()
    n = len(dz)
    for k in range(len(phase)):
        middle = np.float32(k + 0.5) * per
        begin = 0
        while begin < n:
            a = int(middle * dz[begin] - base)
            end = n
            if int(middle * low - base) != int(middle * high - base):
                end = begin + 1
                while end < n and int(middle * dz[end] - base) == a:
                    end += 1
            if 1 <= a <= len(planes) - 3:
                _mix(
                    planes[a - 1, begin:end],
                    planes[a, begin:end],
                    planes[a + 1, begin:end],
                    planes[a + 2, begin:end],
                    dz[begin:end],
                    middle,
                    base + np.float32(a),
                    phase[k, begin:end],
                )
            begin = end


@numba.njit(**FAST)
def _contract(nodes, f, theta, row):
    """Strain along the rays from the gradients of four rows of the grid."""
    weights = _cubic(f)
    tx, ty = np.float32(theta[0]), np.float32(theta[1])
    row[:] = 0
    for tap in range(4):
        w = weights[tap]
        gx, gy, gz = nodes[tap, 0], nodes[tap, 1], nodes[tap, 2]
        for i in range(len(row)):
            row[i] += w * (tx * gx[i] + ty * gy[i] + gz[i])


@numba.njit(**FAST)
def _spread(row, x, offset, per, out):
    """A row of the grid carried over to the columns."""
    limit = np.float32(len(row) - 2.001)
    for i in range(len(x)):
        u = min(max((np.float32(x[i]) + offset) * per, np.float32(1.0)), limit)
        a = np.uint32(u)
        w0, w1, w2, w3 = _cubic(u - np.float32(a))
        out[i] = w0 * row[a - 1] + w1 * row[a] + w2 * row[a + 1] + w3 * row[a + 2]


@numba.njit(**FAST)
def _mix(p0, p1, p2, p3, dz, middle, base, out):
    """Add four planes of the grid, weighted for the depths of a slice's middle."""
    for i in range(len(out)):
        w0, w1, w2, w3 = _cubic(middle * dz[i] - base)
        out[i] += dz[i] * (w0 * p0[i] + w1 * p1[i] + w2 * p2[i] + w3 * p3[i])


@numba.njit(inline="always", **FAST)
def _cubic(f):
    """Weights of the cubic through four nodes, at a fraction f between the middle two."""
    one, two = np.float32(1.0), np.float32(2.0)
    sixth, half = np.float32(1.0 / 6.0), np.float32(0.5)
    a, b, c = f + one, f - one, f - two
    return -f * b * c * sixth, a * b * c * half, -a * f * c * half, a * f * b * sixth


@numba.njit(**FAST)
def set_regions(points, normals, deviations, x, y, theta, focus, dz, regions, phase):
    """Number of boundary planes passed at the middle of each slice of a row.

    Where a plane cuts a slice, the part on its other side has the excitation error of the other
    grain: the difference is added to the slice's phase, which makes the fringes of inclined
    boundaries smooth and right to second order in the height of the slices.

    Parameters
    ----------
    points, normals : (n, 3) float64
        Planes, nm.
    deviations : (n + 1,) float32
        Excitation error of each grain beyond that of the beam, 1/nm.
    regions : (n_slices, nx) int8
        Result.
    phase : (n_slices, nx) float32
        Turns, added to.
    """
    regions[:] = 0
    last = len(regions) - 1
    cuts = np.empty((len(points), len(x)))
    for b in range(len(points)):
        slope = theta[0] * normals[b, 0] + theta[1] * normals[b, 1] + normals[b, 2]
        for i in range(len(x)):
            base = (x[i] - theta[0] * focus - points[b, 0]) * normals[b, 0]
            base += (y - theta[1] * focus - points[b, 1]) * normals[b, 1]
            base -= points[b, 2] * normals[b, 2]
            for k in range(len(regions)):
                if base + slope * (k + 0.5) * dz[i] > 0:
                    regions[k, i] += 1
            step = slope * dz[i]
            cuts[b, i] = -base / step if abs(step) > 1e-9 else -1.0
    for b in range(len(points)):
        up = theta[0] * normals[b, 0] + theta[1] * normals[b, 1] + normals[b, 2] > 0
        for i in range(len(x)):
            if not 0 <= cuts[b, i] <= last:
                continue
            k = int(cuts[b, i])
            share = cuts[b, i] - k
            passed = up == (share < 0.5)
            here = regions[k, i]
            other = min(max(here - 1 if passed else here + 1, 0), len(points))
            change = deviations[other] - deviations[here]
            phase[k, i] += np.float32(min(share, 1 - share)) * dz[i] * change


@numba.njit(**FAST)
def rotations(phase, sine):
    """Cosine (in place) and sine of a phase in turns, as vector code."""
    for k in range(len(phase)):
        row, out = phase[k], sine[k]
        for i in range(len(row)):
            t = row[i] - np.floor(row[i] + np.float32(0.5))
            q = t * t
            s = np.float32(-12.371288) * q + np.float32(41.269208)
            s = s * q + np.float32(-76.594774)
            s = s * q + np.float32(81.597644)
            s = s * q + np.float32(-41.341480)
            s = s * q + np.float32(6.283183)
            c = np.float32(6.588696) * q + np.float32(-26.010810)
            c = c * q + np.float32(60.179327)
            c = c * q + np.float32(-85.451611)
            c = c * q + np.float32(64.939203)
            c = c * q + np.float32(-19.739206)
            out[i] = s * t
            row[i] = c * q + np.float32(1.0)
