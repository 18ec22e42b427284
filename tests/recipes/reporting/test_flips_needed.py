"""Flips that an adaptive vote took: the histogram against a count, and the order of the examples."""

import evaluated
import matplotlib
import numpy as np
import pytest

from zoo.recipes.reporting.by_certainty import by_certainty
from zoo.recipes.reporting.figure import figure
from zoo.recipes.reporting.flips_needed import draw_flips_needed, plot_flips_needed

pytestmark = pytest.mark.backend_free
NAMES = ["zero", "one", "two"]


@pytest.mark.parametrize("samples", [np.arange(1, 41), np.full(40, 9), np.full(40, 1), np.r_[np.full(39, 9), 1000]])
def test_every_example_is_in_a_bar_of_its_status(tmp_path, samples):
    found = evaluated.adaptive_vote()._replace(samples=samples)
    with figure(tmp_path / "a.svg") as (axes,):
        draw_flips_needed(axes, found)
        texts = [text.get_text() for text in axes.get_legend().get_texts()]
        bars = [sum(bar.get_height() for bar in one) for one in axes.containers]
        ends = [bar.get_x() + end * bar.get_width() for one in axes.containers for bar in one for end in (0, 1)]
    assert texts == [f"{status}, 25.0 %" for status in ("certified", "tied", "settled", "undecided")]
    assert bars == [10, 10, 10, 10]
    assert min(ends) == samples.min() - 0.5
    assert max(ends) == samples.max() + 0.5
    assert (tmp_path / "a.svg").read_text().startswith("<?xml")


def test_statuses_that_no_example_has_are_not_named(tmp_path):
    found = evaluated.adaptive_vote()._replace(status=np.full(40, "settled"))
    with figure(tmp_path / "a.png") as (axes,):
        draw_flips_needed(axes, found)
        assert [text.get_text() for text in axes.get_legend().get_texts()] == ["settled, 100.0 %"]


def test_the_least_certain_took_most_flips_or_have_the_smallest_lead():
    rng = np.random.default_rng(0)
    samples = rng.integers(1, 6, 40)
    counts = np.array([rng.multinomial(n, [0.5, 0.3, 0.2]) for n in samples]).astype(float)
    order = by_certainty(evaluated.adaptive_vote()._replace(samples=samples, counts=counts))
    assert sorted(order) == list(range(40))
    keys = [(-samples[i], sorted(counts[i])[2] - sorted(counts[i])[1]) for i in order]
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    ("shape", "panels"), [((40, 8, 8, 1), 3), ((40, 8, 8, 3), 3), ((40, 2), 1), ((40, 8, 8, 2), 1)]
)
def test_images_are_under_the_histogram_if_examples_are_images(tmp_path, monkeypatch, shape, panels):
    drawn = []
    savefig = matplotlib.figure.Figure.savefig
    monkeypatch.setattr(
        "matplotlib.figure.Figure.savefig", lambda one, *a, **k: drawn.append(one) or savefig(one, *a, **k)
    )
    labels = np.zeros(40, int)
    labels[39] = 2
    plot_flips_needed(evaluated.adaptive_vote(), np.full(shape, 7.0), labels, tmp_path / "a.png", NAMES)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    axes = drawn[0].axes
    assert len(axes) == panels
    if panels == 3:
        assert [len(one.images) for one in axes[1:]] == [6, 6]
        assert [text.get_text() for text in axes[1].texts][:2] == ["zero, not two\n40 flips", "zero\n39 flips"]
        assert axes[2].texts[0].get_text() == "zero\n1 flips"
