"""The published stereo network: features, two-sided volume, 3D hourglasses, soft-argmin.

It is kept as the peer to compare with; `hyperspy_stereo.matching.match_views` is faster.
Torch is imported when a name is first used.
"""

from __future__ import annotations

from importlib import import_module

__all__ = ["SCMNet", "load_network", "raw_disparity", "refine_disparity", "scm_disparity"]

_WHERE = {
    "SCMNet": "network",
    "load_network": "match",
    "raw_disparity": "match",
    "refine_disparity": "refine",
    "scm_disparity": "match",
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return __all__
