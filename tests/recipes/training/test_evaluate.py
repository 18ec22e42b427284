"""Result lines: how far flips differ, against the flips themselves, and coins that are dead."""

import numpy as np
import pytest

import zoo
from zoo.data.split import Split
from zoo.recipes.reporting.votes import coins_sentence, report
from zoo.recipes.training.evaluate import evaluate

pytestmark = pytest.mark.usefixtures("fast_compile")


@pytest.fixture
def model():
    return zoo.build("resnet20_cfnn", input_shape=(8, 8, 1), classes=3, samples=3, depth=8, seed=1)


@pytest.fixture
def split():
    rng = np.random.default_rng(0)
    return Split(rng.integers(0, 256, (40, 8, 8, 1)).astype("uint8"), rng.integers(0, 3, 40))


def test_disagreement_and_winning_share_are_those_of_the_flips(model, split, monkeypatch):
    """The lines are compared with a count, example by example, of flips seen on their way."""
    seen = []
    real = evaluate.__globals__["flip_logits"]

    def spy(*arguments):
        for logits in real(*arguments):
            seen.append(logits)
            yield logits

    monkeypatch.setitem(evaluate.__globals__, "flip_logits", spy)
    rows = evaluate(model, split, [1, 4, 9])
    logits = np.concatenate(seen)
    assert logits.shape == (40, 9, 3)
    assert [(row["vote"], row["samples"]) for row in rows] == [
        ("majority", 1), ("majority", 4), ("majority", 9), ("mean", 1), ("mean", 4), ("mean", 9), ("expected", 1),
    ]  # fmt: skip
    for row in rows[:-1]:
        flips = logits[:, : row["samples"]].argmax(-1)
        largest = [max((one == c).sum() for c in range(3)) for one in flips]
        assert row["disagreement"] == pytest.approx(np.mean([len(set(one)) > 1 for one in flips.tolist()]))
        assert row["winning_share"] == pytest.approx(np.mean(largest) / row["samples"])
        if row["vote"] == "mean":
            soft = np.exp(logits[:, : row["samples"]])
            soft = (soft / soft.sum(-1, keepdims=True)).mean(1).argmax(-1)
            assert row["correct"] == (soft == split.y).sum()
    assert "disagreement" not in rows[-1]
    assert "9 flips disagree on" in report(rows)


def test_dead_coins_are_called_out(split):
    dead = zoo.build("resnet20_cfnn", input_shape=(8, 8, 1), classes=3, samples=3, depth=8, rate=0.0)
    rows = evaluate(dead, split, [1, 5])
    assert coins_sentence(rows) == "Its coins are dead: all 5 flips of each of 40 images agree."
    assert coins_sentence(rows[:1]) == ""


def test_a_model_without_coins_has_one_line(split):
    plain = zoo.build("conv6", input_shape=(8, 8, 1), classes=3, width=0.05)
    (row,) = evaluate(plain, split, [1, 5])
    assert (row["vote"], row["samples"]) == ("none", 1)
    assert coins_sentence([row]) == ""


def test_a_label_is_missing(model, split):
    with pytest.raises(ValueError, match="one label per image"):
        evaluate(model, Split(split.x, split.y[:-1]), [1], ["majority"])
