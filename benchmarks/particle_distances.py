"""What moves the first peak of g(r): errors of depth, and a stereo angle that is not the true one.

    python benchmarks/particle_distances.py > docs/measured/particle_distances.txt

Particles of a fluid whose first peak is known, not reconstructed but with errors of known size, in
many fields of view: the error of a peak itself is then small beside the shifts.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hyperspy_stereo.results import ParticleCloud, RadialDistribution
from hyperspy_stereo.results.stereo_angle_effect import stereo_angle_effect, stretched
from hyperspy_stereo.simulation.particles import Interaction, equilibrium

RADIUS, SIDE, THICKNESS, ANGLE, PIXEL = 2.4, 204.8, 200.0, 3.0, 0.4  # nm, nm, nm, degrees, nm
COUNT, FIELDS, STUDY, SEED = 275, 80, 24, 6000
SWEEPS = 240  # until as many particles are paired as in equilibrium
LAW = Interaction(depth=2.5, gap=1.0, width=0.4)
PEAK = 2 * RADIUS + LAW.gap


def fields() -> list[np.ndarray]:
    size = np.full(COUNT, RADIUS)
    return [
        equilibrium(size, (SIDE, SIDE), THICKNESS, LAW, SWEEPS, SEED + k) for k in range(FIELDS)
    ]


def cloud_of(points: np.ndarray) -> ParticleCloud:
    side = round(SIDE / PIXEL)
    return ParticleCloud(
        points, np.full(len(points), RADIUS), units="nm", pixel_size=PIXEL, image_shape=(side, side)
    )


def combined(clouds: list[ParticleCloud], thickness: float) -> RadialDistribution:
    parts = [c.set_thickness(thickness).radial_distribution(0.25, 24.0) for c in clouds]
    return RadialDistribution.combine(parts)


def told(g: RadialDistribution) -> str:
    p = g.first_peak()
    return (
        f"{p.position:5.2f} ± {p.position_error:.2f}  {p.position - PEAK:+5.2f}"
        f"  {p.height:5.2f} ± {p.height_error:.2f}"
    )


def main() -> None:
    rng = np.random.default_rng(SEED)
    places = fields()
    print(f"A fluid with its first peak at {PEAK:.1f} nm; {FIELDS} fields of {COUNT} particles.")
    print(
        "\nsigma_z nm  peak nm       shift  height           "
        "deconvolved: peak nm, shift, height   from distances alone"
    )
    for sigma in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0):
        off = [p + rng.normal(0, 1, (COUNT, 1)) * (0, 0, sigma) for p in places]
        g = combined([cloud_of(p) for p in off], THICKNESS)
        alone = replace(g, pairs=None).deconvolved(sigma)
        print(f"{sigma:10.1f}  {told(g)}    {told(g.deconvolved(sigma))}    {told(alone)}")
    print(f"\nangle °  peak nm       shift  height           (true angle {ANGLE:g}°, no errors)")
    for angle in (2.0, 2.4, 2.7, 3.0, 3.3, 3.6, 4.0):
        factor = np.tan(np.deg2rad(ANGLE / 2)) / np.tan(np.deg2rad(angle / 2))
        g = combined([stretched(cloud_of(p), factor) for p in places], THICKNESS * factor)
        print(f"{angle:7.1f}  {told(g)}")
    print(f"\nmost consistent angle of {STUDY} fields (true {ANGLE:g}°)")
    print("sigma_z nm  angle °")
    for sigma in (0.0, 0.35, 0.7, 1.0, 1.4):
        off = [p + rng.normal(0, 1, (COUNT, 1)) * (0, 0, sigma) for p in places[:STUDY]]
        clouds = [cloud_of(p).set_thickness(THICKNESS) for p in off]
        best = stereo_angle_effect(clouds, np.arange(1.6, 4.61, 0.2), ANGLE).attrs
        print(f"{sigma:10.2f}  {best['best_angle']:.2f} ± {best['best_angle_error']:.2f}")


if __name__ == "__main__":
    main()
