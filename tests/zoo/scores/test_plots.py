"""What the pictures show is what was measured."""

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from numpy.testing import assert_allclose

from zoo import scores

pytestmark = pytest.mark.backend_free


@pytest.fixture(autouse=True)
def closed():
    matplotlib.use("Agg")
    yield
    pyplot.close("all")


P, Y = [[0.9, 0.1], [0.8, 0.2], [0.55, 0.45]], [0, 1, 0]


def test_bars_are_accuracies_and_dots_are_bins():
    found = scores.reliability(P, Y, bins=4)
    axes = scores.plot_reliability(found, label="five flips")
    boxes = [(bar.get_x(), bar.get_width(), bar.get_height()) for bar in axes.patches]
    assert_allclose(boxes, [(0.5, 0.25, 1.0), (0.75, 0.25, 0.5)])
    (dots,) = axes.collections
    assert_allclose(dots.get_offsets(), [(0.55, 1.0), (0.85, 0.5)])
    small, large = dots.get_sizes()
    assert small < large
    (diagonal,) = axes.lines
    assert_allclose(diagonal.get_xydata(), [(0, 0), (1, 1)])
    (text,) = axes.get_legend().get_texts()
    assert text.get_text() == f"five flips, ECE {100 * (0.45 + 2 * 0.35) / 3:.2f} %"


def test_a_curve_is_drawn_on_the_axes_given():
    curve = scores.risk_coverage([0.9, 0.8, 0.8, 0.5], [True, True, False, False])
    _, axes = pyplot.subplots()
    assert scores.plot_risk_coverage(curve, axes, "one") is axes
    assert scores.plot_risk_coverage(curve, axes, "two") is axes
    for line in axes.lines:
        assert_allclose(line.get_xydata(), np.stack(curve, axis=1))
    area = np.mean(curve.risk)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        f"one, AURC {area:.4f}",
        f"two, AURC {area:.4f}",
    ]
    assert scores.plot_reliability(scores.reliability(P, Y), axes) is axes


def test_without_axes_the_figure_is_new():
    found = scores.reliability(P, Y)
    assert scores.plot_reliability(found).figure is not scores.plot_reliability(found).figure


def test_other_things_are_refused():
    with pytest.raises(ValueError, match="`reliability` must be a Reliability"):
        scores.plot_reliability(3)
    with pytest.raises(ValueError, match="`curve` must be a RiskCoverage"):
        scores.plot_risk_coverage(3)
