import keras
import numpy as np
import pytest

import zoo

X = np.array([[0.5, -1.0], [2.0, 0.25], [0.0, 0.0]], "float32")


def test_flips_have_the_law_of_weights_drawn_by_numpy():
    model = zoo.build("stochastic_mlp", hidden=(4, 3), samples=1, seed=0)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        low = -3.0 if weight.name == "raw_scale" else -1.0  # softplus of it is the scale
        weight.assign(rng.uniform(low, 1, weight.shape))
    values = [weight.numpy() if hasattr(weight, "numpy") else np.asarray(weight) for weight in model.weights]
    kernels = [(loc, np.log1p(np.exp(raw))) for loc, raw in zip(values[::2], values[1::2], strict=True)]
    n = 20_000
    for x in X:
        h = np.tile(x, (n, 1))
        for number, (loc, scale) in enumerate(kernels):
            h = np.einsum("ri,riu->ru", h, loc + scale * rng.normal(size=(n, *loc.shape)))
            h = np.maximum(h + 1, 0) if number < 2 else h
        wanted = np.mean(h[:, 1] > h[:, 0])
        found = zoo.flips(model, x[None], n, chunk=5000).mean()
        assert abs(found - wanted) < 5 * np.sqrt(2 * wanted * (1 - wanted) / n)


@pytest.mark.parametrize(("hidden", "classes"), [((1,), 2), ((7, 5), 3)])
def test_every_neuron_is_behind_data_and_coins(hidden, classes):
    neurons = sum(hidden) + classes
    assert zoo.complexity(zoo.build("stochastic_mlp", dim=9, hidden=hidden, classes=classes)) == (neurons, neurons)


@pytest.mark.on_tensorflow
def test_a_trained_majority_knows_the_disc_better_than_one_flip():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 2)).astype("float32")
    y = (np.linalg.norm(x, axis=1) > 1.2).astype(int)
    model = zoo.build("stochastic_mlp", hidden=(4,), samples=15, seed=0)
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    model.fit(x[:2000], y[:2000], batch_size=100, epochs=8, shuffle=False, verbose=0)
    one, many = zoo.random_accuracy(model, x[2000:], y[2000:], [1, 101])
    assert many.accuracy > max(one.accuracy, 0.75)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("dim", 0),
        ("classes", 0),
        ("classes", 1),
        ("hidden", ()),
        ("hidden", 16),
        ("hidden", (4, 0)),
        ("scale", 0),
        ("samples", 0),
    ],
)
def test_bad_options_are_named(option, value):
    with pytest.raises(ValueError, match=f"`{option}` must be"):
        zoo.build("stochastic_mlp", **{option: value})
