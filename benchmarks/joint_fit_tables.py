"""Rows and summaries of ``benchmarks/joint_fit.py``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

GROSS = 0.12
HEADER = (
    f"{'':34s}| matched                          | fitted                           |\n"
    f"{'scene':34s}| median  mean  >1px    nm   gross | median  mean  >1px    nm   gross "
    "| in 2s match  fit |  new  points   s\n"
)


@dataclass(frozen=True, eq=False)
class Answers:
    """Errors of one scene, px of disparity, and their sigmas, matched and fitted."""

    name: str
    errors: np.ndarray
    followed: np.ndarray
    sigmas: np.ndarray
    fitted: np.ndarray
    aligned: np.ndarray
    crossing: np.ndarray
    dose: float
    per_depth: float
    nm_per_px: float
    thickness: float
    seconds: float

    @property
    def gross(self) -> float:
        """px of disparity."""
        return GROSS * self.thickness / self.nm_per_px * self.per_depth

    def row(self) -> str:
        cells = []
        for error in np.abs(self.errors):
            depth = error / self.per_depth * self.nm_per_px
            cells.append(
                f"{np.median(error):6.2f} {error.mean():6.2f} {100 * np.mean(error > 1):5.1f} "
                f"{depth.mean():6.1f} {100 * np.mean(depth > GROSS * self.thickness):6.1f}"
            )
        inside = [100 * within(e, s) for e, s in zip(self.errors, self.sigmas, strict=True)]
        return (
            f"{self.name:34s}|{' |'.join(cells)} |       {inside[0]:5.0f} {inside[1]:4.0f} "
            f"| {100 * self.fitted.mean():4.0f} {len(self.fitted):6d} {self.seconds:5.1f}"
        )


def within(error: np.ndarray, sigma: np.ndarray) -> float:
    """Share of errors within two sigma, wrong matches (beyond 3 px) left out."""
    right = np.abs(error) < 3  # NaN: no true line there
    return float(np.mean(np.abs(error[right]) < 2 * sigma[right])) if right.any() else np.nan


def summary(found: list[Answers]) -> str:
    """Mean over scenes, and sigma by dose."""
    rows = []
    for k in (0, 1):
        size = [np.abs(one.errors[k]) for one in found]
        depth = [e / one.per_depth * one.nm_per_px for e, one in zip(size, found, strict=True)]
        gross = [np.mean(d > GROSS * one.thickness) for d, one in zip(depth, found, strict=True)]
        medians, means = [np.median(e) for e in size], [e.mean() for e in size]
        beyond = [np.mean(e > 1) for e in size]
        rows.append(
            f"{np.mean(medians):6.2f} {np.mean(means):6.2f} {100 * np.mean(beyond):5.1f} "
            f"{np.mean([d.mean() for d in depth]):6.1f} {100 * np.mean(gross):6.1f}"
        )
    better = np.mean([np.abs(f.errors[1]).mean() < np.abs(f.errors[0]).mean() for f in found])
    lines = [f"{f'mean of {len(found)} scenes':34s}|{' |'.join(rows)} |"]
    lines += [f"scenes in which the mean error is smaller after the fit: {100 * better:.0f} %"]
    lines += ["", "against the true line that each runs along, px (matched -> fitted):"]
    lines += [by_class(found)]
    lines += ["", "within two sigma, %, by electrons per position (matched -> fitted, points):"]
    for dose in sorted({one.dose for one in found}):
        cells = []
        for flagged, label in ((False, "clear"), (True, "aligned or crossing")):
            own = [(f, (f.aligned | f.crossing) == flagged) for f in found if f.dose == dose]
            e, s = (
                [np.concatenate([getattr(f, n)[k][m] for f, m in own]) for k in (0, 1)]
                for n in ("followed", "sigmas")
            )
            if len(e[0]):
                share = [100 * within(a, b) for a, b in zip(e, s, strict=True)]
                cells.append(f"{label}: {share[0]:.0f} -> {share[1]:.0f} ({len(e[0])})")
        lines.append(f"  {dose:7g}  " + ";  ".join(cells))
    return "\n".join(lines)


def by_class(found: list[Answers]) -> str:
    """Errors of all points of a class together, against the line that each runs along."""
    rows = []
    for label, choose in (
        ("isolated", lambda f: ~f.aligned & ~f.crossing),
        ("aligned", lambda f: f.aligned),
        ("crossing", lambda f: f.crossing),
        ("all", lambda f: f.aligned | True),
    ):
        use = [choose(f) & np.isfinite(f.followed).all(axis=0) for f in found]
        if not any(mask.any() for mask in use):
            continue
        size, gross = [], []
        for k in (0, 1):
            parts = [np.abs(f.followed[k][m]) for f, m in zip(found, use, strict=True)]
            limit = [p > f.gross for f, p in zip(found, parts, strict=True)]
            size.append(np.concatenate(parts))
            gross.append(100 * np.concatenate(limit).mean())
        cells = [f"{label:10s} {len(size[0]):6d} points"]
        for name, of in (("median", np.median), ("mean", np.mean)):
            cells.append(f"{name} {of(size[0]):.2f} -> {of(size[1]):.2f}")
        cells.append(f"gross {gross[0]:.1f} -> {gross[1]:.1f} %")
        rows.append("  " + ";  ".join(cells))
    return "\n".join(rows)
