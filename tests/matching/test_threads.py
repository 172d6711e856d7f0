"""Views matched at once give what they give one after the other."""

import numba
import numpy as np

from hyperspy_stereo.matching import match_views
from hyperspy_stereo.matching.threads import in_threads
from hyperspy_stereo.simulation.geometric.scenes import benchmark_scene, erase_pieces


def test_results_come_in_order():
    assert in_threads(lambda n: n * n, range(7)) == [0, 1, 4, 9, 16, 25, 36]


def test_one_thread_and_two_match_alike():
    scene = benchmark_scene(2)
    images, masks = scene.images[:, :160, :160], scene.masks[:, :160, :160]
    strict = np.stack([erase_pieces(mask, 0.1, n) for n, mask in enumerate(masks)])
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        alone = match_views(images, strict, masks)[0]
    finally:
        numba.set_num_threads(before)
    np.testing.assert_array_equal(match_views(images, strict, masks)[0].disparity, alone.disparity)
