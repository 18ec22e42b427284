"""Votes over a data set: the same whoever counts them, in whatever order, and after an actor was killed."""

import os
import signal

import keras
import numpy as np
import pytest
from known_law import gumbel_model

import zoo
from zoo.serving import vote_dataset as module
from zoo.serving.vote_dataset import Voter, numbered, vote_dataset

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
