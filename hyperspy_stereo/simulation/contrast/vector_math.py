"""Arithmetic that numba's compiler turns into vector code: no branches, no library calls."""

from __future__ import annotations

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

FAST = {"cache": True, "fastmath": True, "error_model": "numpy"}


@intrinsic
def _bits(typingctx, value):
    """The bits of a float32 as an int32."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(32))

    return types.int32(types.float32), codegen


@intrinsic
def _from_bits(typingctx, value):
    """The float32 of an int32's bits."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.FloatType())

    return types.float32(types.int32), codegen


@numba.njit(inline="always", **FAST)
def log(value):
    """Natural logarithm to 1e-6, in a form that the compiler turns into vector code."""
    bits = _bits(value) - np.int32(0x3F3504F3)
    exponent = bits >> np.int32(23)
    m = _from_bits((bits & np.int32(0x007FFFFF)) + np.int32(0x3F3504F3)) - np.float32(1.0)
    p = np.float32(0.0840556) * m + np.float32(-0.1431002)
    p = p * m + np.float32(0.1505352)
    p = p * m + np.float32(-0.1657322)
    p = p * m + np.float32(0.1994486)
    p = p * m + np.float32(-0.2500142)
    p = p * m + np.float32(0.3333473)
    p = p * m + np.float32(-0.5000000)
    p = p * m + np.float32(0.9999999)
    return np.float32(exponent) * np.float32(0.69314718) + p * m


@numba.njit(inline="always", **FAST)
def angle(sine, cosine):
    """Angle of (cosine, sine) in rad to 1e-5, as vector code; 0 at the origin."""
    a, b = abs(sine), abs(cosine)
    small, large = min(a, b), max(a, b)
    z = small / (large + np.float32(1e-30))
    q = z * z
    p = np.float32(-0.01172120) * q + np.float32(0.05265332)
    p = p * q - np.float32(0.11643287)
    p = p * q + np.float32(0.19354346)
    p = p * q - np.float32(0.33262347)
    p = (p * q + np.float32(0.99997726)) * z
    p = np.float32(1.57079633) - p if a > b else p
    p = np.float32(3.14159265) - p if cosine < np.float32(0.0) else p
    return -p if sine < np.float32(0.0) else p
