"""The ball classifiers against their closed forms, one flip and many, here and where they are served."""

import numpy as np
import pytest

import zoo
from zoo import theory

NORMS = np.array([0.0, 0.5, 0.9, 1.0, 1.1, 4.0])  # of the radius


def points(dim, radius, seed=0):
    """A point of each norm, in a random direction."""
    x = np.random.default_rng(seed).normal(size=(len(NORMS), dim))
    return (x / np.linalg.norm(x, axis=1, keepdims=True) * radius * NORMS[:, None]).astype("float32")


def within(found, p, n):
    """Five standard deviations of the mean of n flips."""
    np.testing.assert_array_less(np.abs(found - p), 5 * np.sqrt(p * (1 - p) / n) + 1e-9)


@pytest.mark.parametrize(("dim", "alpha"), [(1, 0.75), (3, 0.51), (10, 0.75), (50, 1.0), (1000, 0.9)])
def test_one_flip_of_the_ball_follows_the_closed_form(dim, alpha):
    model = zoo.build("ball_cfnn", dim=dim, radius=2.0, alpha=alpha, samples=1, seed=dim)
    outside = zoo.flips(model, points(dim, 2.0), 20_000, chunk=5000).mean(axis=1)
    within(outside, theory.ball_probability(2 * NORMS, 2.0, alpha), 20_000)
    if alpha < 1:
        assert ((outside < 0.5) == (NORMS < 1))[[0, 1, 5]].all()


@pytest.mark.parametrize(("dim", "alpha"), [(2, 0.75), (3, 0.6), (10, 0.9)])
def test_one_flip_of_the_tangents_follows_the_closed_form(dim, alpha):
    model = zoo.build("tangent_cfnn", dim=dim, radius=2.0, alpha=alpha, samples=1, seed=dim)
    outside = zoo.flips(model, points(dim, 2.0), 20_000, chunk=5000).mean(axis=1)
    within(outside, theory.tangent_probability(2 * NORMS, 2.0, alpha, dim), 20_000)


@pytest.mark.parametrize("name", ["ball_cfnn", "tangent_cfnn"])
@pytest.mark.parametrize("samples", [1, 11, 101])
def test_majorities_are_right_as_often_as_the_binomial_law_says(name, samples):
    """Equal points, each with a majority of its own; the tangents' points share directions and take turns."""
    model = zoo.build(name, dim=2, samples=samples, seed=samples)
    probability = getattr(theory, f"{name.split('_')[0]}_probability")
    for norm, label in ((0.5, 0), (1.5, 1)):
        x = np.tile(np.array([[norm, 0.0]], "float32"), (2000, 1))
        size = 2000 if name == "ball_cfnn" else 1
        trials = x if name == "ball_cfnn" else x[:300]
        right = (model.predict(trials, batch_size=size, verbose=0).argmax(1) == label).mean()
        p = float(probability(norm))
        within(right, theory.majority_accuracy(p if label else 1 - p, samples), len(trials))


def test_many_flips_classify_the_ball_and_only_the_sphere_stays_open():
    x = points(10, 1.0)
    histogram = zoo.build("ball_cfnn", dim=10, samples=20_001, seed=0).predict(x, verbose=0)
    off = NORMS != 1
    np.testing.assert_array_equal(histogram.argmax(1)[off], (NORMS > 1)[off])
    assert abs(histogram[3, 1] - 0.5) < 5 * 0.5 / np.sqrt(20_001)


def test_two_neurons_and_nothing_to_train():
    model = zoo.build("ball_cfnn", dim=7, seed=0)
    assert not model.trainable_weights
    assert model.output_shape == (None, 2)
    assert {layer.name for layer in model.layers if layer.name.startswith("neuron")} == {"neuron_1", "neuron_2"}
    assert [model.get_layer(f"neuron_{i}").output.shape[-1] for i in (1, 2)] == [1, 1]


@pytest.mark.on_tensorflow
def test_the_served_model_has_the_same_law(tmp_path):
    tf = pytest.importorskip("tensorflow")
    zoo.export(zoo.build("ball_cfnn", dim=3, samples=5, seed=0), tmp_path / "ball")
    served = tf.saved_model.load(str(tmp_path / "ball"))
    served.reseed(tf.constant(3, "int64"))
    outside = served.vote(tf.constant(points(3, 1.0)), tf.constant(20_000)).numpy()[:, 1]
    within(outside, theory.ball_probability(NORMS), 20_000)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        *[(name, {"alpha": a}, "`alpha` must be") for name in ("ball_cfnn", "tangent_cfnn") for a in (0.5, 1.1, "a")],
        *[(name, {"radius": r}, "`radius` must be") for name in ("ball_cfnn", "tangent_cfnn") for r in (0, -1.0)],
        *[(name, {"dim": d}, "`dim` must be") for name in ("ball_cfnn", "tangent_cfnn") for d in (0, 2.5)],
        ("tangent_cfnn", {"dim": 1}, "`dim` must be an int >= 2"),
        ("ball_cfnn", {"samples": 0}, "`samples` must be"),
    ],
)
def test_bad_options_are_named(name, options, message):
    with pytest.raises(ValueError, match=message):
        zoo.build(name, **options)


def test_an_even_number_of_flips_may_tie():
    x = np.tile(np.array([[1.0, 0.0]], "float32"), (500, 1))
    y = zoo.build("ball_cfnn", samples=2, seed=0).predict(x, batch_size=500, verbose=0)
    tied = np.abs(y[:, 0] - 0.5) < 1e-3
    assert abs(tied.mean() - 0.5) < 5 * 0.5 / np.sqrt(500)  # two fair flips differ every other time
    assert (y[tied].max(1) > 0.5).all()  # and the soft vote still says which
