"""Votes over a data set: the same whoever counts them, in whatever order, and after an actor was killed."""

import os
import signal

import keras
import numpy as np
import pytest
from known_law import gumbel_model

import zoo
from zoo.serving import vote_dataset as module
from zoo.serving.vote_dataset import Voter, are_votes, numbered, vote_dataset

pytestmark = pytest.mark.on_tensorflow
LAW = np.array([0.6, 0.3, 0.1])
OPTIONS = {"samples": 250, "batch_size": 4, "block": 100, "seed": 7}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A SavedModel whose flips have the classes' probabilities, and 10 examples."""
    path = tmp_path_factory.mktemp("saved") / "model"
    zoo.export(gumbel_model(3), path)
    return str(path), np.tile(np.log(LAW), (10, 1)).astype("float32")


@pytest.fixture(scope="module")
def voter(saved):
    return Voter(saved[0], ("image", "index"), cpus=1, **OPTIONS)


def votes(voter, x, numbers):
    return voter({"image": x[numbers], "index": np.asarray(numbers)})["votes"]


def test_votes_follow_the_law_and_every_block_flips_its_own_coins(saved, voter):
    x = saved[1]
    found = votes(voter, x, np.arange(10))
    assert (found.dtype, found.shape) == ("int64", (10, 3))
    np.testing.assert_array_equal(found.sum(1), 250)
    assert (np.abs(found.sum(0) - 2500 * LAW) < 5 * np.sqrt(2500 * LAW * (1 - LAW))).all()
    assert len(np.unique(found, axis=0)) > 5  # examples, and batches
    once = Voter(saved[0], ("image", "index"), 100, 4, 100, 7, 1)
    again = Voter(saved[0], ("image", "index"), 100, 4, 50, 7, 1)
    assert (votes(once, x, [1]) != votes(again, x, [1])).any()  # the block belongs to what the seed decides
    assert (votes(once, x, [1]) <= found[1]).all()  # whose first block these are


def test_votes_depend_on_an_examples_number_alone(saved, voter):
    x = saved[1]
    whole = votes(voter, x, np.arange(10))
    for numbers in ([9], [3, 4, 0], [7, 1, 2, 5, 6, 8], np.arange(10)[::-1]):
        np.testing.assert_array_equal(votes(voter, x, numbers), whole[numbers])
    for numbers in ([1, 1], [-1, 2]):
        with pytest.raises(ValueError, match="`index` must hold different ints >= 0"):
            votes(voter, x, numbers)


def test_a_model_without_coins_is_refused(tmp_path):
    inputs = keras.Input((3,))
    zoo.export(keras.Model(inputs, keras.layers.Dense(2)(inputs)), tmp_path / "plain")
    with pytest.raises(ValueError, match=r"`saved_model` must be one of a model with coins and a vote"):
        Voter(str(tmp_path / "plain"), ("image", "index"), cpus=1, **OPTIONS)


def behind(model, *layers):
    """A model with more layers behind its vote, whose SavedModel has no adaptive vote."""
    return keras.Model(model.inputs, keras.Sequential(layers)(model.outputs[0]))


@pytest.mark.parametrize("kind", ["numbers", "softmax", "two votes"])
def test_a_model_whose_outputs_are_no_shares_of_votes_is_refused(tmp_path, kind):
    if kind == "numbers":
        model = gumbel_model(3, vote="mean", kind="numbers")
    elif kind == "softmax":
        model = behind(gumbel_model(3), keras.layers.Softmax())
    else:
        one, other = gumbel_model(3), gumbel_model(3, seed=1)
        inputs = keras.Input((3,))
        model = keras.Model(inputs, [one(inputs), other(inputs)])
    zoo.export(model, tmp_path / "model")
    with pytest.raises(ValueError, match=r"`saved_model` must be one of a model of one output, a vote on classes or "):
        votes(
            Voter(str(tmp_path / "model"), ("image", "index"), cpus=1, **OPTIONS),
            np.tile(np.log(LAW), (4, 1)).astype("float32"),
            np.arange(4),
        )


@pytest.mark.parametrize("kind", ["classes", "labels"])
@pytest.mark.parametrize("reshaped", [False, True])
def test_votes_on_classes_and_on_labels_are_counted(tmp_path, kind, reshaped):
    """Every flip is for the second of two. Behind a layer that changes no number, the numbers tell that they count."""
    model = gumbel_model(2, kind=kind)
    zoo.export(behind(model, keras.layers.Reshape((2, 1))) if reshaped else model, tmp_path / "a")
    voter = Voter(str(tmp_path / "a"), ("image", "index"), cpus=1, **OPTIONS)
    found = votes(voter, np.tile(np.float32([-50, 50]), (5, 1)), np.arange(5)).reshape(5, 2)
    np.testing.assert_array_equal(found, np.tile([0, 250], (5, 1)))


def test_shares_of_one_flip_are_told_from_other_numbers():
    for shares in (
        [[0, 1, 0], [1, 0, 0]],
        [[0.5, 0.500001, 0]],
        [[1 / 3 + 1e-6, 1 / 3, 1 / 3]],
        [[0, 0.5, 1], [1, 1, 0]],
    ):
        assert are_votes(np.asarray(shares))
    for shares in ([[0.2, 0.8]], [[0.5, 1.5]], [[-1, 0]], [[2.0]], [[np.nan]], [[1, 0], [0.4, 0.6]]):
        assert not are_votes(np.asarray(shares))


def test_bad_arguments_are_refused_before_anything_runs():
    pytest.importorskip("ray.data")
    for bad in ({"samples": 0}, {"block": 100_001}, {"seed": -1}, {"seed": None}, {"actors": 0}, {"batch_size": 1.5}):
        (name,) = bad
        with pytest.raises(ValueError, match=f"`{name}` must be"):
            vote_dataset("nowhere", None, **bad)


def test_a_killed_actors_retry_has_the_same_votes(saved, voter, tmp_path, monkeypatch):
    ray = pytest.importorskip("ray")
    killed = str(tmp_path / "killed")

    class KilledOnce(Voter):
        def __call__(self, rows):
            if 5 in rows["index"] and not os.path.exists(killed):
                open(killed, "w").close()
                os.kill(os.getpid(), signal.SIGKILL)
            return super().__call__(rows)

    monkeypatch.setattr(module, "Voter", KilledOnce)
    path, x = saved
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        found = vote_dataset(path, numbered(x, 4, 1), actors=2, **OPTIONS).take_all()
    finally:
        ray.shutdown()
    assert os.path.exists(killed)
    rows = sorted(found, key=lambda row: row["index"])
    np.testing.assert_array_equal([row["votes"] for row in rows], votes(voter, x, np.arange(10)))
