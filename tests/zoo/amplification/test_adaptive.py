"""adaptive_vote: laws of its claims on models whose flips have a known law, and what it spares."""

import keras
import numpy as np
import pytest
from few_on_jax import few_on_jax
from known_law import Gumbel, gumbel_model

import zoo
from zoo.layers import Amplify, CoinFlipDropout, MajorityVote, StochasticDense
from zoo.scores.wilson_interval import wilson

ERROR = 0.1


def logs(*p, examples=1):
    return np.log(np.tile(np.array([p], "float32") / sum(p), (examples, 1)))


LAWS = {"tie": (0.5, 0.5), "two": (0.6, 0.4), "near": (0.36, 0.34, 0.3), "ten": (0.9, *[0.1 / 9] * 9)}


@pytest.mark.parametrize(
    ("law", "flipped", "vote"),
    few_on_jax(
        [
            *((law, flipped, "majority") for law in LAWS for flipped in (False, True)),
            ("near", True, "mean"),
            ("ten", False, "mean"),
        ],
        ("near", True, "majority"),
        ("ten", False, "mean"),
        unpack=True,
    ),
)
def test_a_certificate_is_wrong_as_seldom_as_promised(law, flipped, vote):
    p, examples = LAWS[law], 600
    x = logs(*p, examples=examples)
    found = zoo.adaptive_vote(gumbel_model(len(p), flipped=flipped), x, ERROR, 60, vote=vote, seed=1)
    certified = found.status == "certified"
    modes = np.flatnonzero(np.isclose(p, max(p)))
    wrong = certified & ~np.isin(found.classes, modes)
    assert wilson(int(wrong.sum()), examples).low < ERROR
    if max(p) > 0.8:
        assert certified.all()
        assert not wrong.any()
        assert found.samples.mean() < 20
    assert ((found.lead_low > sorted(p)[-1] - sorted(p)[-2] + 1e-6) & np.isin(found.classes, modes)).mean() <= ERROR


@pytest.mark.on_tensorflow
def test_counts_are_those_of_the_flips():
    x = logs(0.7, 0.2, 0.1, examples=40)
    found = zoo.adaptive_vote(gumbel_model(3), x, 0.01, 50, seed=3)
    np.testing.assert_array_equal(found.counts.sum(axis=1), found.samples)
    np.testing.assert_array_equal(found.classes, found.counts.argmax(axis=1))
    assert found.samples.max() <= 50
    mean = zoo.adaptive_vote(gumbel_model(3), x, 0.01, 50, vote="mean", seed=3)
    np.testing.assert_allclose(mean.counts.sum(axis=1), mean.samples, rtol=1e-4)


@pytest.mark.on_tensorflow
def test_what_each_state_means():
    x = np.concatenate([logs(0.999, 0.0005, 0.0005), logs(0.45, 0.45, 0.1), logs(0.5, 0.3, 0.2)])
    model = gumbel_model(3)
    found = zoo.adaptive_vote(model, x, 0.01, 600, margin=0.3, seed=1)
    assert found.status.tolist() == ["certified", "tied", "certified"]
    assert found.samples[0] < found.samples[1] <= 600
    found = zoo.adaptive_vote(model, np.repeat(x[1:2], 50, axis=0), 1e-6, 30, seed=1)
    votes = np.sort(found.counts, axis=1)
    left = 30 - found.samples
    settled = found.status == "settled"
    assert settled.any()
    assert (votes[:, 2] - votes[:, 1] > left)[settled].all()
    assert set(found.status[~settled]) == {"undecided"}
    assert (found.samples[~settled] == 30).all()


@pytest.mark.on_tensorflow
def test_a_tie_is_declared_wrongly_as_seldom_as_promised():
    found = zoo.adaptive_vote(gumbel_model(3), logs(0.55, 0.35, 0.1, examples=600), 0.2, 200, margin=0.2, seed=5)
    assert wilson(int((found.status == "tied").sum()), 600).low < 0.2


def test_one_certain_example_takes_nine_flips_and_the_hard_ones_more():
    x = np.concatenate([logs(1, 1e-9, 1e-9, 1e-9, examples=30), logs(0.4, 0.3, 0.2, 0.1)])
    found = zoo.adaptive_vote(gumbel_model(4), x, 0.01, 1000, seed=1)
    assert set(found.samples[:30]) == {9}
    assert found.samples[30] > 50
    wrong = zoo.adaptive_vote(gumbel_model(4, flipped=True), x, 0.01, 1000, seed=1)
    assert 9 < wrong.samples[:30].max() < 20


def test_the_deterministic_part_runs_once_and_decided_examples_flip_no_more():
    rows = {"prefix": 0, "suffix": 0}

    @keras.saving.register_keras_serializable("test")
    class Count(keras.layers.Layer):
        def __init__(self, part, **kwargs):
            super().__init__(**kwargs)
            self.part = part

        def call(self, inputs):
            return inputs

    inputs = keras.Input((3,))
    flips = Gumbel(seed=0)(Amplify(3)(Count("prefix")(inputs)))
    model = keras.Model(inputs, MajorityVote(3)(flips))
    graph = zoo.amplification.coin_graph.flipping_graph(model)
    for part in rows:
        called = getattr(graph, part).predict_on_batch

        def counting(x, part=part, called=called):
            rows[part] += len(keras.tree.flatten(x)[0])
            return called(x)

        getattr(graph, part).predict_on_batch = counting
    x = np.concatenate([logs(1, 1e-9, 1e-9, examples=63), logs(0.5, 0.4, 0.1)])
    found = zoo.adaptive_vote(model, x, 0.01, 600, batch_size=8, chunk=12, seed=1)
    assert rows["prefix"] == 64
    assert found.samples.sum() <= rows["suffix"] < 3 * found.samples.sum() < 64 * 600 / 4


@pytest.mark.on_tensorflow
@pytest.mark.parametrize("options", [{"batch_size": 5}, {"batch_size": 1}, {"chunk": 1}, {"batch_size": 200}], ids=str)
def test_whatever_fits_in_a_call_certain_examples_are_right(options):
    p = np.random.default_rng(0).permuted(np.tile([0.9, 0.05, 0.05], (23, 1)), axis=1)
    found = zoo.adaptive_vote(gumbel_model(3), np.log(p), 0.001, 300, seed=1, **options)
    assert (found.status == "certified").all()
    np.testing.assert_array_equal(found.classes, p.argmax(axis=1))


def test_the_seed_decides_and_leaves_the_coins():
    model, x = gumbel_model(3), logs(0.5, 0.3, 0.2, examples=20)
    one, same, other = (zoo.adaptive_vote(model, x, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.counts, same.counts)
    assert (one.counts != other.counts).any()
    zoo.reseed(model, 9)
    first = zoo.flips(model, x, 5)
    zoo.reseed(model, 9)
    zoo.adaptive_vote(model, x, seed=1)
    np.testing.assert_array_equal(zoo.flips(model, x, 5), first)


@pytest.mark.on_tensorflow
def test_votes_per_pixel_and_per_label():
    inputs = keras.Input((2, 2, 3))
    model = keras.Model(inputs, MajorityVote(3)(Gumbel(seed=0)(Amplify(3)(inputs))))
    p = np.array([[[0.9, 0.05, 0.05], [0.05, 0.9, 0.05]], [[0.05, 0.05, 0.9], [0.9, 0.05, 0.05]]])
    found = zoo.adaptive_vote(model, np.log(np.tile(p, (3, 1, 1, 1))), 0.001, seed=1)
    assert found.counts.shape == (3, 2, 2, 3)
    np.testing.assert_array_equal(found.classes, np.tile(p.argmax(-1), (3, 1, 1)))
    assert (found.status == "certified").all()

    inputs = keras.Input((2,))
    model = keras.Model(inputs, MajorityVote(3, kind="labels")(Gumbel(seed=0)(Amplify(3)(inputs))))
    found = zoo.adaptive_vote(model, np.array([[4.0, -5.0], [-5.0, 4.0]]), 0.001, seed=1)
    assert found.classes.tolist() == [[1, 0], [0, 1]]
    assert found.counts.shape == found.status.shape == (2, 2)
    assert (found.counts <= found.samples[:, None]).all()


@pytest.mark.on_tensorflow
def test_models_of_shared_draws_and_of_other_peoples_layers():
    model = zoo.build("hypernet_cfnn", depth=6, input_shape=(8, 8, 1), classes=3, samples=5, seed=0)
    x = np.random.default_rng(0).uniform(0, 255, (11, 8, 8, 1))
    found = zoo.adaptive_vote(model, x, 0.05, 100, batch_size=4, seed=1)
    assert (found.counts.sum(axis=1) == found.samples).all()
    plain = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dropout(0.5), keras.layers.Dense(3, "softmax")]
    )
    found = zoo.adaptive_vote(zoo.with_coins(plain, 5, seed=0), np.ones((2, 4)), 0.05, 100, seed=1)
    assert set(found.status) <= {"certified", "settled", "undecided"}


def unary():
    inputs = keras.Input((3,))
    return keras.Model(inputs, MajorityVote(3, "mean", kind="numbers")(Gumbel(seed=0)(Amplify(3)(inputs))))


@pytest.mark.on_tensorflow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"error": 0}, "`error` must be .*in .0, 1.*error=0"),
        ({"error": 1.0}, "`error`.*error=1.0"),
        ({"error": float("nan")}, "`error`"),
        ({"max_samples": 0}, "`max_samples`.*0"),
        ({"max_samples": 2.5}, "`max_samples`.*2.5"),
        ({"margin": 1}, "`margin`.*1"),
        ({"margin": -0.1}, "`margin`.*-0.1"),
        ({"vote": "expected"}, "`vote`.*'expected'"),
        ({"x": np.full((1, 3), np.nan)}, "NaN"),
        ({"x": np.zeros((0, 3))}, "`x`"),
        ({"model": keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])}, "with_coins"),
        ({"model": unary()}, "vote on classes or labels"),
        ({"batch_size": 0}, "`batch_size`"),
        ({"seed": -1}, "`seed`"),
    ],
    ids=map(str, range(14)),
)
def test_bad_input_is_named(options, message):
    arguments = {"model": gumbel_model(3), "x": logs(0.5, 0.3, 0.2), **options}
    with pytest.raises(ValueError, match=message):
        zoo.adaptive_vote(**arguments)


@pytest.mark.on_tensorflow
def test_flips_of_a_diverged_model_are_refused():
    inputs = keras.Input((3,))
    logits = keras.layers.Rescaling(float("inf"))(CoinFlipDropout(0.5, seed=0)(Amplify(3)(inputs)))
    with pytest.raises(ValueError, match="finite"):
        zoo.adaptive_vote(keras.Model(inputs, MajorityVote(3)(logits)), np.ones((1, 3)))


def test_seeded_flips_are_the_same_however_they_are_asked_for():
    inputs = keras.Input((4,))
    hidden = StochasticDense(5, "zeros", "ones", seed=0)(Amplify(3)(inputs))
    flips = StochasticDense(3, "zeros", "ones", seed=0)(hidden)
    model = keras.Model(inputs, MajorityVote(3)(flips))
    x = np.random.default_rng(0).normal(size=(50, 4))
    whole = zoo.flips(model, x, 120, seed=4)
    np.testing.assert_array_equal(zoo.flips(model, x, 7, seed=4), whole[:, :7])
    np.testing.assert_array_equal(zoo.flips(model, x, 120, seed=4, chunk=60), whole)
    parts = [zoo.flips(model, x, 30, seed=4, start=start) for start in (90, 0, 60, 30)]
    np.testing.assert_array_equal(np.concatenate([parts[i] for i in (1, 3, 2, 0)], axis=1), whole)
    counts = np.stack([np.bincount(row, minlength=3) for row in whole])
    np.testing.assert_allclose(zoo.uncertainty(model, x, 120, seed=4).votes * 120, counts, atol=1e-3)
    assert (whole != zoo.flips(model, x, 120, seed=5)).any()
    blocks = whole.reshape(50, -1, 8)
    assert len(np.unique(blocks[0], axis=0)) > 10  # blocks have coins of their own
    assert (whole[:18] != whole[32:]).mean() > 0.3  # and so have batches
    with pytest.raises(ValueError, match="`start` must be 0"):
        zoo.flips(model, x, 5, start=3)


@pytest.mark.on_tensorflow
def test_soft_votes_that_are_no_probabilities_are_refused():
    inputs = keras.Input((3,))
    flips = Gumbel(seed=0)(Amplify(3)(inputs))
    model = keras.Model(inputs, MajorityVote(3, "mean", from_logits=False)(flips))
    with pytest.raises(ValueError, match='`vote` must be "majority" where the soft votes are no probabilities'):
        zoo.adaptive_vote(model, logs(0.5, 0.3, 0.2), vote="mean")


def test_the_seed_reaches_coins_that_the_model_keeps_off():
    coin = keras.layers.TimeDistributed(CoinFlipDropout(0.5, flip_at_inference=False, seed=0))
    inputs = keras.Input((1, 6))
    logits = keras.layers.Dense(3)(keras.layers.Flatten()(coin(Amplify(3)(inputs))))
    model = keras.Model(inputs, MajorityVote(3)(logits))
    x = np.random.default_rng(0).normal(size=(9, 1, 6))
    one, same = (zoo.flips(model, x, 40, seed=1) for _ in range(2))
    np.testing.assert_array_equal(one, same)
    found = [zoo.adaptive_vote(model, x, max_samples=40, seed=1).counts for _ in range(2)]
    np.testing.assert_array_equal(*found)


@pytest.mark.on_tensorflow
def test_a_coin_that_cannot_be_switched_off_leaves_the_vote_without_a_guess():
    class Forgetful(Gumbel):
        def __init__(self, size, **kwargs):
            super().__init__(**kwargs)

    inputs = keras.Input((4,))
    model = keras.Model(inputs, MajorityVote(3)(Forgetful(1, seed=0)(Amplify(3)(inputs))))
    found = zoo.adaptive_vote(model, logs(1, 1e-9, 1e-9, 1e-9), seed=1)
    assert found.status.tolist() == ["certified"]
    assert found.samples[0] > 9


@pytest.mark.on_tensorflow
def test_a_tiny_error_and_a_numpy_number_of_flips():
    found = zoo.adaptive_vote(gumbel_model(3), logs(1, 1e-9, 1e-9), 1e-60, np.uint16(600), seed=1)
    assert found.status.tolist() == ["certified"]
    assert 200 < found.samples[0] < 260


@pytest.mark.on_tensorflow
def test_what_is_behind_the_vote_is_refused():
    inputs = keras.Input((3,))
    shares = MajorityVote(3, name="vote")(Gumbel(seed=0)(Amplify(3)(inputs)))
    x = logs(0.8, 0.1, 0.1)
    with pytest.raises(ValueError, match=r"`model` must end in its vote: what is behind 'vote'.*Functional 'turned'"):
        zoo.adaptive_vote(keras.Model(inputs, shares[:, ::-1], name="turned"), x)
    both = zoo.adaptive_vote(keras.Model(inputs, [shares, keras.layers.Rescaling(2.0)(inputs)]), x, seed=0)
    assert both.classes.tolist() == [0]
