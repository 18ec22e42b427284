"""The comparison of an exported model with the model finds what a wrong export would do."""

import keras
import numpy as np
import pytest

import zoo
from zoo.layers import Amplify, CoinFlipDropout, MajorityVote
from zoo.layers.coins import coin_states
from zoo.serving.comparison import check_law, check_same, flips_of
from zoo.serving.frozen_graph import frozen_graph, seen

pytestmark = pytest.mark.on_tensorflow
FLIPS = 25


def coin_model(vote, seed=0):
    """A vote inside a nested model, whose flips are of about equal logits."""
    inner = keras.Input((4,))
    x = CoinFlipDropout(0.5, seed=1)(keras.layers.Dense(16, kernel_initializer=glorot(seed))(Amplify(FLIPS)(inner)))
    votes = MajorityVote(FLIPS, vote)(keras.layers.Dense(2, kernel_initializer=glorot(seed + 1))(x))
    inputs = keras.Input((4,), name="images")
    return keras.Model(inputs, keras.Model(inner, votes, name="votes")(inputs))


def glorot(seed):
    return keras.initializers.GlorotUniform(seed)


def states(model):
    return [keras.ops.convert_to_numpy(one.value).tolist() for one in coin_states(model)]


def itself(model):
    return lambda given: {"votes": keras.ops.convert_to_numpy(model(given["images"], training=False))}


def one_coin_for_all_examples(model):
    def run(given):
        before = [keras.ops.convert_to_numpy(one.value) for one in coin_states(model)]
        rows = []
        for row in given["images"]:
            for one, value in zip(coin_states(model), before, strict=True):
                one.assign(value)
            rows.append(model(row[None], training=False))
        return {"votes": np.concatenate([keras.ops.convert_to_numpy(row) for row in rows])}

    return run


@pytest.mark.parametrize("vote", ["majority", "mean"])
def test_coins_that_are_shared_or_stand_still_are_refused(vote):
    model = coin_model(vote)
    assert flips_of(model) == FLIPS
    before = states(model)
    check_law(model, ["images"], lambda: itself(coin_model(vote)))
    run = itself(coin_model(vote))
    first = run({"images": np.ones((4, 4), "float32")})
    wrong = [
        (one_coin_for_all_examples(coin_model(vote)), "is the same for equal examples of a batch"),
        (itself(zoo.amplify(coin_model(vote), 1, vote)), "the variance of output 'votes' is"),
        (itself(zoo.amplify(coin_model(vote), 1000, vote)), "the variance of output 'votes' is 0.0"),
        (itself(coin_model(vote, seed=5)), "the mean of output 'votes' differs"),
        (lambda given: first, "differs|is the same at every call"),
    ]
    for other, error in wrong:
        with pytest.raises(ValueError, match=error):
            check_law(model, ["images"], lambda other=other: other)
    assert states(model) == before


def test_coins_are_as_before_where_the_model_itself_fails(monkeypatch):
    model, calls = coin_model("mean"), []

    def fail(*_):
        calls.append(1)
        if len(calls) > 3:
            raise RuntimeError("no memory")
        return convert(*_)

    before, convert = states(model), keras.tree.flatten
    monkeypatch.setattr("keras.tree.flatten", fail)
    with pytest.raises(RuntimeError, match="no memory"):
        check_law(model, ["images"], lambda: None)
    monkeypatch.undo()
    assert states(model) == before


@pytest.mark.parametrize("vote", ["majority", "mean"])
def test_the_same_coins_are_compared_with_the_model_and_only_a_majority_may_move(vote):
    model = coin_model(vote)
    frozen, before = frozen_graph(model, ["images"]), states(model)

    def moved(votes):
        def run(given):
            found = seen(frozen)([given["images"]])
            found["votes"][0] += [votes / FLIPS, -votes / FLIPS]
            return found

        return lambda given: {"votes": run(given)["votes"]}

    check_same(frozen, model, moved(0))
    if vote == "majority":
        check_same(frozen, model, moved(1))
    with pytest.raises(ValueError, match="output 'votes' differs by up to"):
        check_same(frozen, model, moved(2 if vote == "majority" else 1))
    assert states(model) == before
    model.get_layer("votes").layers[-2].bias.assign([3.0, 0.0])  # the frozen graph is no longer the model
    with pytest.raises(ValueError, match="output 'votes' differs by up to"):
        check_same(frozen, model, moved(0))
