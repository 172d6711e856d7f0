"""The result object: numbers, table, HTML and picture."""

import numpy as np
import pytest

from hyperspy_stereo.results import TopologyScore
from hyperspy_stereo.topology import ScoreSettings, score_masks


@pytest.fixture(scope="module")
def masks():
    truth = np.zeros((64, 72), bool)
    truth[14:17, 5:65] = truth[40:43, 5:65] = True
    broken = truth.copy()
    broken[14:17, 30:36] = False
    lost = truth.copy()
    lost[40:43, 8:] = False
    return truth, [broken, truth, lost]


@pytest.fixture(scope="module")
def score(masks):
    truth, found = masks
    scores = score_masks(found, [truth], settings=ScoreSettings(parts=2, n_jobs=1))
    return TopologyScore(scores, found, [truth], labels=["-0.5", "<0.2>", "1"], units="nm")


def test_the_best_condition_comes_first(score):
    assert score.final.shape == (3,)
    assert score.final[1] == 0
    assert score.ranking[0] == 1
    assert score.best == "<0.2>"
    assert score.interval.shape == (3, 2)
    assert score.matrix.shape == (2, len(score.filtrations), 3)
    assert len(score) == 3
    assert "best: <0.2>" in repr(score)


def test_one_map_has_one_number(masks):
    truth, found = masks
    scores = score_masks(found[:1], [truth], settings=ScoreSettings(parts=1, n_jobs=1))
    single = TopologyScore(scores, found[:1], [truth], single=True)
    assert isinstance(single.final, float)
    assert "not known" in single._repr_html_()


def test_the_table_holds_all_numbers(score):
    table = score.to_dataframe()
    assert table.index.tolist() == score.labels
    assert table.loc["<0.2>", "rank"] == 1
    assert table.loc["-0.5", "breaks"] == 1
    assert {"f1", "cldice", "broken", "joined", "spurious", "betti0", "betti1"} <= set(table)
    parts = [name for name in table if name.endswith((" H0", " H1"))]
    np.testing.assert_allclose(table[parts].sum(axis=1), table["score"])
    assert score.weights_table().shape == (4, 4)


def test_html_is_escaped_and_best_first(score):
    html = score._repr_html_()
    assert "&lt;0.2&gt;" in html
    assert html.index("&lt;0.2&gt;") < html.index("-0.5")


def test_the_picture_marks_the_best(score, masks):
    import matplotlib.pyplot as plt

    figure = score.plot()
    titles = {ax.get_title(): ax.title.get_fontweight() for ax in figure.axes}
    assert titles["<0.2>"] == "bold"
    assert titles["1"] == "normal"
    truth, found = masks
    images = [np.random.default_rng(n).random(truth.shape) for n in range(3)]
    with_images = TopologyScore(score.scores, found, [truth], images=images).plot()
    assert len(with_images.axes) == len(figure.axes) + 3
    plt.close("all")


def test_labels_must_fit(score, masks):
    truth, found = masks
    with pytest.raises(ValueError, match="2 labels for 3 scores"):
        TopologyScore(score.scores, found, [truth], labels=["a", "b"])
