import keras
import numpy as np
import pytest

import zoo
from zoo.probes import dichotomies, labelings

X = np.random.default_rng(0).normal(size=(6, 5)).astype("float32")


def one_by_one(model, layer, points, seed):
    """By setting the kernel and evaluating the whole model, one point after another."""
    kernel = model.get_layer(layer).kernel
    own = keras.ops.convert_to_numpy(kernel)
    other = np.random.default_rng(seed).standard_normal(own.shape) * np.sqrt(np.mean(own**2))
    labels = []
    for t in 2 * np.pi * np.arange(points) / points:
        kernel.assign(np.cos(t) * own + np.sin(t) * other)
        labels.append(model.predict_on_batch(X)[..., 0] > 0)
    kernel.assign(own)
    return np.array(labels)


@pytest.mark.parametrize("layer", ["hidden_1", "hidden_2", "readout"])
@pytest.mark.parametrize("batch_size", [1, 50, 1024])
def test_labelings_are_those_of_the_changed_model(layer, batch_size):
    model = zoo.build("random_mlp", dim=5, width=8, depth=2, sigma_w=3.0, sigma_b=0.3, seed=0)
    before = model.get_weights()
    found = dichotomies(model, X, layer, 60, seed=1, batch_size=batch_size)
    labels = one_by_one(model, layer, 60, 1)
    assert found == len(np.unique(labels, axis=0)) > 2
    pieces = list(labelings(model, X, layer, 60, seed=1, batch_size=batch_size))
    assert [len(piece) for piece in pieces[:-1]] == [max(batch_size // len(X), 1)] * (len(pieces) - 1)
    np.testing.assert_array_equal(np.concatenate(pieces), labels)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_linear_unit_changes_one_label_at_a_time():
    """cos(t) a_i + sin(t) b_i has two zeros in a turn, so s inputs in general position have 2 s labelings."""
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1, use_bias=False, name="unit")])
    assert dichotomies(model, X, "unit", 20_000, seed=0) == 2 * len(X)


def test_a_convolution_is_swept_too():
    layers = [keras.layers.Conv2D(3, 3, activation="relu", name="conv"), keras.layers.Flatten(), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((5, 5, 1)), *layers])
    images = np.random.default_rng(0).normal(size=(4, 5, 5, 1)).astype("float32")
    assert 1 < dichotomies(model, images, "conv", 200, seed=0) <= 2**4


def test_a_population_has_a_count_per_network():
    model = zoo.build("random_mlp", dim=5, width=8, depth=2, networks=3, seed=0)
    found = dichotomies(model, X, "hidden_1", 300, seed=2, networks=True)
    assert found.shape == (3,)
    assert ((found > 2) & (found <= 2 ** len(X))).all()
    labels = np.concatenate(list(labelings(model, X, "hidden_1", 300, seed=2, networks=True)))
    np.testing.assert_array_equal(labels, one_by_one(model, "hidden_1", 300, 2).swapaxes(1, 2))
    assert [len(np.unique(one, axis=0)) for one in labels.swapaxes(0, 1)] == found.tolist()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: dichotomies(m, X, "hidden_9", 5), "hidden_1"),
        (lambda m: dichotomies(m, X, m.layers[0].name, 5), "`layer` must be one with a kernel"),
        (lambda m: dichotomies(m, X, "hidden_1", 0), "`points` must be"),
        (lambda m: dichotomies(m, X, "hidden_1", 5, seed=-1), "`seed` must be"),
        (lambda m: dichotomies(m, X, "hidden_1", 5, batch_size=0), "`batch_size` must be"),
        (lambda m: labelings(m, X, "hidden_9", 5), "hidden_1"),
        (lambda m: dichotomies(m, X[:, :2], "hidden_1", 5), "shape"),
        (lambda m: dichotomies(zoo.build("mlp_embedding"), X, "embedding", 5), "`model` must have one input"),
        (lambda m: dichotomies(m, X, "hidden_1", 5, networks=True), "one output unit"),
        (lambda m: dichotomies(zoo.build("random_mlp", dim=5, outputs=2), X, "hidden_1", 5), "one output unit"),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(zoo.build("random_mlp", dim=5, seed=0))


def test_a_layer_beside_a_shortcut_is_refused():
    x = keras.Input((5,))
    y = keras.layers.Dense(5, name="beside")(x)
    model = keras.Model(x, keras.layers.Dense(1)(keras.layers.Add()([x, y])))
    with pytest.raises(ValueError, match=r"`layer` must be all that its successors depend on.+'beside'"):
        dichotomies(model, X, "beside", 5)
