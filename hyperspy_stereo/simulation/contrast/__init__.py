"""The column approximation: strain along rays, and the two-beam equations slice after slice.

`segment_field` and `propagation` are exact (float64), for `simulation.two_beam`; `columns` makes
images in bulk (float32): `smooth_field` and `tangent_field` hold the strain, `ray_phases` and
`slices` follow the rays.
"""
