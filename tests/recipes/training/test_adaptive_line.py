"""The line of an adaptive vote: by hand, and that `evaluate` gives that of the same seed."""

import json

import evaluated
import keras
import numpy as np
import pytest
import tiny

import zoo
from zoo.data.split import Split
from zoo.recipes.reporting.votes import report
from zoo.recipes.training import evaluate as evaluation
from zoo.recipes.training.adaptive_line import adaptive_line
from zoo.recipes.training.evaluate import evaluate


@pytest.fixture(scope="module")
def model():
    model = tiny.tiny_cfnn(seed=1)
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    dense[-1].bias.assign([0.01, 0.0, 0.02])  # a flip of dropped units alone would be a tie
    return model


@pytest.fixture(scope="module")
def split():
    rng = np.random.default_rng(0)
    return Split(rng.integers(0, 256, (40, 8, 8, 1)).astype("uint8"), rng.integers(0, 3, 40))


def test_the_line_by_hand():
    """All 40 are voted 0; of those certified (every fourth) 4 are labelled so, of the others 5."""
    labels = np.ones(40, int)
    labels[[0, 4, 8, 12, 1, 2, 3, 5, 6]] = 0
    line = adaptive_line(evaluated.adaptive_vote(), labels)
    assert (line["vote"], line["samples"], line["correct"], line["n"]) == ("adaptive", 20.5, 9, 40)
    assert line["low"] < line["accuracy"] == 9 / 40 < line["high"]
    assert [line[status] for status in ("certified", "tied", "settled", "undecided")] == [0.25] * 4
    assert line["certified_accuracy"] == 0.4
    none = evaluated.adaptive_vote()._replace(status=np.full(40, "settled"))
    assert adaptive_line(none, labels)["certified_accuracy"] is None


def test_evaluate_adds_the_line_of_the_vote_of_its_seed(model, split):
    options = {"error": 0.2, "max_samples": 30, "margin": 0.05}
    rows = evaluate(model, split, [1, 3], ["majority"], adaptive=options, seed=7)
    found = zoo.adaptive_vote(model, split.x, **options, seed=7)
    assert [row["vote"] for row in rows] == ["majority", "majority", "adaptive"]
    line = rows[-1]
    assert {**line, **adaptive_line(found, split.y), **options, "seed": 7} == line
    assert json.loads(json.dumps(line)) == line
    assert line["seconds"] >= 0
    assert line["command"]
    text = report(rows)
    assert f"adaptive, {found.samples.mean():.1f} flips" in text
    assert f"{100 * (found.status == 'certified').mean():.2f} % certified" in text
    assert "(error 0.2, margin 0.05)." in text


def test_the_page_gets_the_flips_that_the_lines_count(model, split, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(evaluation, "write_page", lambda path, found: given.append(found))
    rows = evaluate(model, split, [2, 5], ["mean"], report=tmp_path / "a.html", class_names=["no", "yes"], seed=7)
    (found,) = given
    assert found.rows == rows
    assert [row["vote"] for row in rows] == ["mean", "mean", "adaptive"]  # a page has it where flips are voted on
    assert rows[-1]["max_samples"] == 1000
    assert found.names == ["no", "yes", "2"]
    assert found.flips.shape == (40, 5)
    counts = np.stack([(found.flips == one).sum(1) for one in range(3)], 1)
    assert rows[1]["winning_share"] == pytest.approx(counts.max(1).mean() / 5)
    given.clear()
    evaluate(model, split, [2], ["expected"], report=tmp_path / "a.html")
    assert (given[0].flips, given[0].adaptive) == (None, None)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"error": 0.0}, "`error` must be"), ({"max_samples": 0}, "`max_samples` must be"), ({"margin": 1}, "`margin`")],
)
def test_options_out_of_range_are_refused_before_anything_is_flipped(model, split, monkeypatch, options, message):
    monkeypatch.setattr(evaluation, "drawn", None)
    with pytest.raises(ValueError, match=message):
        evaluate(model, split, [1], ["majority"], adaptive=options)


def test_a_model_without_coins_has_no_adaptive_vote_but_a_page(split, tmp_path):
    plain = zoo.build("conv6", input_shape=(8, 8, 1), classes=3, width=0.05)
    with pytest.raises(ValueError, match="coin"):
        evaluate(plain, split, [1], adaptive={})
    (row,) = evaluate(plain, split, [1], report=tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text()
    assert f"The model is right on {100 * row['accuracy']:.2f}\N{NO-BREAK SPACE}%" in text


def test_a_report_replaces_no_folder(model, split, tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "report.html"):
        with pytest.raises(ValueError, match="`report` must be a file, or new, in a folder"):
            evaluate(model, split, [1], report=path)
