"""Result lines: how far flips differ and scores, against the flips themselves, and coins that are dead."""

import json

import keras
import numpy as np
import pytest
from sklearn.metrics import log_loss

import zoo
from zoo import scores
from zoo.data.split import Split
from zoo.recipes.reporting.votes import coins_sentence, report, score_table
from zoo.recipes.training.evaluate import evaluate


@pytest.fixture
def model():
    return zoo.build("resnet20_cfnn", input_shape=(8, 8, 1), classes=3, samples=3, depth=8, seed=1)


@pytest.fixture
def split():
    rng = np.random.default_rng(0)
    return Split(rng.integers(0, 256, (40, 8, 8, 1)).astype("uint8"), rng.integers(0, 3, 40))


def logits_of(model, split, samples):
    """Logits of the flips that `evaluate` draws after this: both start from one seed."""
    zoo.reseed(model, 5)
    logits = zoo.flips(model, split.x, samples, outputs="logits")
    zoo.reseed(model, 5)
    return logits


def test_disagreement_and_winning_share_are_those_of_the_flips(model, split):
    """The lines are compared with a count, example by example, of the same flips."""
    logits = logits_of(model, split, 9)
    rows = evaluate(model, split, [1, 4, 9])
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


def test_scores_are_those_of_the_flips(model, split):
    """Histograms and mean softmaxes by NumPy, whole; a share of no votes is worth a thousandth."""
    logits = logits_of(model, split, 9).astype("float64")
    rows = evaluate(model, split, [1, 4, 9])
    soft = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    hard = np.eye(3)[logits.argmax(-1)]
    plain = zoo.amplify(model, 1, "expected").predict(split.x, verbose=0)
    for row in rows:
        mean = {"majority": hard, "mean": soft, "expected": plain[:, None]}[row["vote"]][:, : row["samples"]].mean(1)
        floor = {"majority": 1e-3}.get(row["vote"])
        given = np.maximum(mean[np.arange(40), split.y], floor or 0)
        assert row["nll_floor"] == floor
        assert row["nll"] == pytest.approx(-np.log(given).mean(), rel=1e-5)
        if floor is None:
            assert row["nll"] == pytest.approx(log_loss(split.y, mean), rel=1e-5)
        assert row["brier"] == pytest.approx(((mean - np.eye(3)[split.y]) ** 2).sum(1).mean(), rel=1e-5)
        lifted = mean + 1e-7 * soft[:, : row["samples"]].mean(1) if floor else mean  # ties go to the soft vote
        correct = lifted.argmax(1) == split.y
        assert correct.sum() == row["correct"]
        assert row["aurc"] == pytest.approx(scores.area_under_risk_coverage(mean.max(1), correct), rel=1e-5)
        bins = np.ceil(mean.max(1) * 15 - 1e-5)
        gaps = [abs((mean.max(1) - correct)[bins == m].sum()) for m in range(1, 16)]
        assert row["ece"] == pytest.approx(sum(gaps) / 40, rel=1e-5)
        assert list(row)[-5:] == ["nll", "nll_floor", "brier", "ece", "aurc"]
        assert json.loads(json.dumps(row)) == row
    assert "NLL of majorities: a share of votes below 0.001 counts as 0.001." in report(rows)


def test_a_number_of_flips_given_twice_counts_once(model, split):
    logits = logits_of(model, split, 1)
    (row,) = evaluate(model, split, [1, 1], ["majority"])
    assert row["correct"] == (logits[:, 0].argmax(-1) == split.y).sum() > 0


def test_labels_that_are_no_class_and_diverged_models_are_refused(model, split):
    strange = Split(split.x, np.where(np.arange(40) == 35, 3, split.y))
    with pytest.raises(ValueError, match=r"`y` must hold class indices in \[0, 3\)"):
        evaluate(model, strange, [1, 5])
    model.get_layer("logits").bias.assign([np.nan, 0.0, 0.0])
    for votes in (["majority"], ["expected"]):
        with pytest.raises(ValueError, match="`model` must give finite numbers"):
            evaluate(model, split, [1, 5], votes)


def test_outputs_that_are_no_distributions_keep_their_accuracy(split):
    plain = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    (row,) = evaluate(plain, split, [1])
    assert [row[key] for key in ("nll", "nll_floor", "brier", "ece", "aurc")] == [None] * 5
    assert 0 <= row["accuracy"] < 1
    assert "Brier" not in report([row])
    json.dumps(row, allow_nan=False)


@pytest.mark.parametrize("gap", [50.0, 1e6])
def test_an_infinite_likelihood_is_none(split, gap):
    """Of one label in 40 the probability is e^-50, or 0 in any float."""
    last = keras.layers.Dense(3, "softmax", kernel_initializer="zeros")
    plain = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), last])
    last.bias.assign([gap, 0.0, 0.0])
    (row,) = evaluate(plain, Split(split.x, np.arange(40) // 39), [1])
    assert row["nll"] == (pytest.approx(50 / 40) if gap == 50 else None)
    assert row["brier"] == pytest.approx(2 / 40)
    assert ("-" in score_table([row]).split()) == (gap != 50)


def test_pictures_of_each_vote_at_its_most_flips(model, split, tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr("zoo.recipes.reporting.figure._palette", lambda file: None)
    monkeypatch.setattr(
        "matplotlib.figure.Figure.savefig", lambda figure, part, **_: (part.touch(), drawn.update({part.name: figure}))
    )
    rows = evaluate(model, split, [1, 9, 4], plots=tmp_path / "plots")
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == ["reliability.png", "risk_coverage.png"]
    reliability, risk = (next(figure for name, figure in drawn.items() if key in name) for key in ("reliab", "risk"))
    last = [row for row in rows if row["samples"] == 9 or row["vote"] == "expected"]
    titles = ["majority of 9", "mean of 9", "coins off"]
    assert [axes.get_title() for axes in reliability.axes] == titles
    for axes, row in zip(reliability.axes, last, strict=True):
        assert f"ECE {100 * row['ece']:.2f} %" in axes.get_legend().get_texts()[0].get_text()
    texts = [text.get_text() for text in risk.axes[0].get_legend().get_texts()]
    assert texts == [f"{title}, AURC {row['aurc']:.4f}" for title, row in zip(titles, last, strict=True)]


def test_pictures_do_not_replace_a_file(model, split, tmp_path):
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(ValueError, match="`plots` must be a folder, or new"):
        evaluate(model, split, [1], plots=tmp_path / "notes")


def test_dead_coins_are_called_out(split):
    dead = zoo.build("resnet20_cfnn", input_shape=(8, 8, 1), classes=3, samples=3, depth=8, rate=0.0)
    rows = evaluate(dead, split, [1, 5])
    assert coins_sentence(rows) == "Its coins are dead: all 5 flips of each of 40 images agree."
    assert coins_sentence(rows[:1]) == ""


def test_coins_that_flip_no_vote_are_not_dead(split):
    sure = zoo.build("resnet20_cfnn", input_shape=(8, 8, 1), classes=3, samples=3, depth=8, rate=0.3, seed=0)
    *_, bias = sure.get_layer("logits").weights
    bias.assign([1e4, 0, 0])
    rows = evaluate(sure, split, [5])
    assert coins_sentence(rows) == "All 5 flips of each of 40 images agree."
    assert coins_sentence([{**rows[0], "outputs_differ": False}]).startswith("Its coins are dead: all 5")


def test_a_model_without_coins_has_one_line(split):
    plain = zoo.build("conv6", input_shape=(8, 8, 1), classes=3, width=0.05)
    (row,) = evaluate(plain, split, [1, 5])
    assert (row["vote"], row["samples"]) == ("none", 1)
    assert coins_sentence([row]) == ""


def test_a_label_is_missing(model, split):
    with pytest.raises(ValueError, match="one label per example"):
        evaluate(model, Split(split.x, split.y[:-1]), [1], ["majority"])


@pytest.mark.parametrize("votes", [["majority"], ["expected"]])
def test_images_are_missing_or_not_finite(model, split, votes):
    with pytest.raises(ValueError, match="at least"):
        evaluate(model, Split(split.x[:0], split.y[:0]), [1], votes)
    with pytest.raises(ValueError, match="finite"):
        evaluate(model, Split(split.x * np.float32(np.nan), split.y), [1], votes)
