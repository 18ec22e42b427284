import math
import re

import keras
import numpy as np
import pytest

from zoo.layers import RandomizePruned, ScoreMaskedConv, ScoreMaskedDense
from zoo.layers.score_masked import masked_layers

BATCH, UPDATES = 4, 10
X = np.random.default_rng(0).normal(size=(12 * BATCH, 4)).astype("float32")
Y = np.arange(len(X)) % 3
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def network():
    """Two masked layers, the second in a nested model; compiled."""
    inner = [keras.layers.BatchNormalization(), keras.layers.ReLU()]
    inner.append(ScoreMaskedDense(3, sparsity=0.4, score_transform="abs", seed=2, name="second"))
    first = ScoreMaskedDense(16, sparsity=0.6, seed=1, name="first")
    model = keras.Sequential([keras.Input((4,)), first, keras.Sequential(inner)])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), LOSS)
    return model


def single(optimizer="sgd", **kwargs):
    """One masked layer, quick to compile."""
    model = keras.Sequential([keras.Input((4,)), ScoreMaskedDense(3, seed=1)])
    model.compile(optimizer, LOSS, **kwargs)
    return model


@pytest.fixture(scope="module")
def shared():
    """One model for many tests, because compiling takes seconds; and its state at the beginning."""
    model = network()
    model.optimizer.build(model.trainable_variables)
    return model, [keras.ops.convert_to_numpy(v) for v in variables(model)]


@pytest.fixture
def model(shared):
    restore(*shared)
    return shared[0]


def restore(model, start):
    for variable, value in zip(variables(model), start, strict=True):
        variable.assign(value)


def variables(model):
    return [*model.variables, *model.optimizer.variables]


def snapshot(model):
    """Every variable of model and optimizer by its path."""
    return {v.path: np.array(keras.ops.convert_to_numpy(v)) for v in variables(model)}


def kernels(model):
    return [np.array(keras.ops.convert_to_numpy(layer.kernel)) for layer in masked_layers(model)]


def pruned(scores, sparsity, score_transform):
    """True at the floor(p n) smallest: the last ones of a stable descending sort."""
    values = scores.astype("float64").reshape(-1)
    order = np.argsort(-(np.abs(values) if score_transform == "abs" else values), kind="stable")
    mask = np.zeros(values.size, bool)
    mask[order[values.size - math.floor(sparsity * values.size) :]] = True
    return mask.reshape(scores.shape)


def pruned_in(layer):
    return pruned(keras.ops.convert_to_numpy(layer.scores), layer.sparsity, layer.score_transform)


def fit(model, *callbacks, batches=(0, UPDATES), epochs=1):
    rows = slice(*(BATCH * i for i in batches))
    model.fit(X[rows], Y[rows], BATCH, epochs, shuffle=False, verbose=0, callbacks=list(callbacks))


class Watch(keras.callbacks.Callback):
    """Remembers every variable after each execution."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(snapshot(self.model))


def redraws(model, callback, **kwargs):
    """Train. Which executions ended with a redraw, and all variables before and after the end of each."""
    start, before, after = snapshot(model), Watch(), Watch()
    fit(model, before, callback, after, **kwargs)
    for earlier, later in zip([start, *after.seen], before.seen, strict=False):  # kernels change at no other time
        for path in later:
            assert not path.endswith("/kernel") or np.array_equal(earlier[path], later[path])
    pairs = list(zip(before.seen, after.seen, strict=True))
    return [i for i, (a, b) in enumerate(pairs) if changed(a, b)], pairs


def changed(a, b):
    assert a.keys() == b.keys()
    return {path for path in a if not np.array_equal(a[path], b[path])}


def untrained(shape, *layers):
    model = keras.Sequential([keras.Input(shape), *layers])
    model.compile("sgd", "mse")
    return model


def redraw(model, callback, *updates):
    """What training would call, were these the updates made at the ends of executions."""
    model.optimizer.iterations.assign(0)
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_begin(0)
    for made in updates:
        model.optimizer.iterations.assign(made)
        callback.on_train_batch_end(made - 1)


def test_redraws_pruned_weights_after_every_period_and_nothing_else(model):
    ends, pairs = redraws(model, RandomizePruned(3, 0.5, seed=1), batches=(0, 5), epochs=2)
    assert len(pairs) == 10
    assert ends == [2, 5, 8]
    for end in ends:
        before, after = pairs[end]
        paths = [layer.kernel.path for layer in masked_layers(model)]
        assert len(paths) == 2
        assert changed(before, after) == set(paths)
        for layer, path in zip(masked_layers(model), paths, strict=True):
            kept = ~pruned(after[layer.scores.path], layer.sparsity, layer.score_transform)
            np.testing.assert_array_equal(after[path][kept], before[path][kept])
    moved = changed(pairs[0][1], pairs[-1][1])  # what the redraws left alone was alive
    assert {path.split("/")[-1] for path in moved} >= {"scores", "moving_mean", "moving_variance", "iteration"}
    assert any("momentum" in path for path in moved)


def test_several_fits_are_one(model, shared):
    fit(model, Watch(), RandomizePruned(3, 0.5, seed=1))  # on JAX, watching fetches the state after every batch
    whole = snapshot(model)
    restore(*shared)
    callback = RandomizePruned(3, 0.5, seed=1)
    for batches in ((0, 2), (2, 6), (6, 7), (7, 10)):  # the second ends with a redraw
        fit(model, callback, batches=batches)
    assert changed(whole, snapshot(model)) == set()


class SaveEarly(keras.callbacks.Callback):
    """Saves before the redraw of that update takes place."""

    def __init__(self, update, path):
        super().__init__()
        self.update, self.path = update, path

    def on_train_batch_end(self, batch, logs=None):
        if batch + 1 == self.update:
            self.model.save(self.path)


@pytest.mark.parametrize(("stop", "early"), [(5, False), (6, False), (6, True)])
def test_a_resumed_run_goes_on_identically(model, shared, tmp_path, stop, early):
    fit(model, RandomizePruned(3, 0.5, seed=1))
    whole = snapshot(model)
    restore(*shared)
    file = tmp_path / "model.keras"
    fit(model, *[SaveEarly(stop, file)] * early, RandomizePruned(3, 0.5, seed=1), batches=(0, stop))
    if not early:
        model.save(file)
    copy = keras.models.load_model(file)
    fit(copy, RandomizePruned(3, 0.5, seed=1), batches=(stop, UPDATES))
    for (path, a), b in zip(whole.items(), snapshot(copy).values(), strict=True):  # a copy has other paths
        np.testing.assert_array_equal(a, b, err_msg=path)
    assert not any(np.array_equal(a, b) for a, b in zip(kernels(copy), kernels(network()), strict=True))


@pytest.mark.parametrize(
    ("steps", "period", "batches", "ends"),
    [
        (2, 4, 12, [1, 3, 5]),
        (2, 3, 12, [1, 2, 4, 5]),  # updates 3, 6, 9, 12 lie in these executions
        (3, 5, 10, [1, 3]),  # the last execution makes one update
    ],
)
@pytest.mark.not_on("torch", "Keras refuses steps_per_execution above 1")
def test_steps_per_execution(stepped, steps, period, batches, ends):
    found, pairs = redraws(stepped(steps), RandomizePruned(period, 1.0, seed=1), batches=(0, batches))
    assert len(pairs) == -(-batches // steps)
    assert found == ends


@pytest.fixture(scope="module")
def stepped():
    """Models by steps per execution, compiled once."""
    models = {}

    def get(steps):
        model = models.setdefault(steps, single(steps_per_execution=steps))
        model.optimizer.iterations.assign(0)
        return model

    return get


def test_accumulated_gradients_are_one_update():
    optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)
    ends, _ = redraws(single(optimizer), RandomizePruned(2, 1.0, seed=1), batches=(0, 12))
    assert ends == [3, 7, 11]


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 1.0])
def test_rate_is_the_redrawn_fraction(rate):
    options = {"sparsity": 0.7, "score_transform": "abs", "kernel_initializer": "signed_kaiming_constant", "seed": 2}
    model = untrained((200,), ScoreMaskedDense(200, sparsity=0.5, seed=1), ScoreMaskedDense(150, **options))
    before = kernels(model)
    redraw(model, RandomizePruned(5, rate, seed=3), 5)
    for layer, old, new, share in zip(model.layers, before, kernels(model), (rate, rate / 2), strict=True):
        where = pruned_in(layer)
        np.testing.assert_array_equal(new[~where], old[~where])
        moved = (new != old)[where]
        assert abs(moved.mean() - share) <= 5 * math.sqrt(share * (1 - share) / moved.size)


@pytest.fixture
def wide():
    """A layer of 20,000 pruned weights, its model, and a function: the kernel after redraws from the same start."""
    layer = ScoreMaskedDense(200, seed=1)
    model = untrained((200,), layer)
    start = kernels(model)[0]

    def after(callback, *updates):
        layer.kernel.assign(start)
        redraw(model, callback, *updates)
        return kernels(model)[0]

    return start, pruned_in(layer), after


def test_every_redraw_is_another(wide):
    start, where, after = wide
    first, second = (after(RandomizePruned(2, 0.5, seed=3), 2), after(RandomizePruned(4, 0.5, seed=3), 4))
    moved = [(kernel != start)[where] for kernel in (first, second)]
    both = moved[0] & moved[1]
    assert abs(both.mean() - 0.25) < 5 * math.sqrt(0.25 * 0.75 / both.size)  # chosen independently
    a, b = first[where][both], second[where][both]
    assert abs(np.corrcoef(a, b)[0, 1]) < 5 / math.sqrt(a.size)


def test_redraws_of_one_execution_follow_each_other(wide):
    start, where, after = wide
    one_by_one = after(RandomizePruned(2, 0.5, seed=3), 2, 4, 6)
    np.testing.assert_array_equal(after(RandomizePruned(2, 0.5, seed=3), 7), one_by_one)
    moved = (one_by_one != start)[where]
    assert abs(moved.mean() - 0.875) < 5 * math.sqrt(0.875 * 0.125 / moved.size)


def test_seeds(wide):
    _, _, after = wide
    seeds = (1, np.int64(1), 2, None, None)
    first, same, other, fresh, another = (after(RandomizePruned(1, 0.5, seed), 1).tobytes() for seed in seeds)
    assert first == same
    assert len({first, other, fresh, another}) == 4


def test_redrawn_weights_follow_the_distribution_of_their_layer():
    """Half of the pruned weights, so that a choice that depended on the new value would show in its distribution."""
    normal = keras.initializers.RandomNormal(3.0, 0.5, seed=4)
    constant = ScoreMaskedConv(50, 3, sparsity=0.6, kernel_initializer="signed_kaiming_constant", seed=1)
    layers = [ScoreMaskedDense(300, seed=2), ScoreMaskedDense(300, seed=3, kernel_initializer=normal)]
    model = untrained((3, 3, 20), constant, keras.layers.Flatten(), *layers)
    layers = [constant, *layers]
    old = kernels(model)
    redraw(model, RandomizePruned(1, 0.5, seed=5), 1)
    new = kernels(model)

    size = np.float32(math.sqrt(2 / (3 * 3 * 20)))
    np.testing.assert_allclose(np.abs(new[0]), size, rtol=1e-6)
    flipped = (new[0] != old[0])[pruned_in(constant)]
    assert abs(flipped.mean() - 0.25) < 5 * math.sqrt(0.25 * 0.75 / flipped.size)
    assert abs((new[0] > 0).mean() - 0.5) < 5 * 0.5 / math.sqrt(new[0].size)

    for i, mean, variance, fourth in [(1, 0, 2 / 50, 36 / 50**2 / 5), (2, 3, 0.25, 3 * 0.25**2)]:
        moved = new[i] != old[i]
        drawn, replaced = new[i][moved].astype("float64"), old[i][moved]
        assert abs(drawn.mean() - mean) < 5 * math.sqrt(variance / drawn.size)
        spread = ((drawn - mean) ** 2).mean()
        assert abs(spread - variance) < 5 * math.sqrt((fourth - variance**2) / drawn.size)
        assert abs(np.corrcoef(drawn, replaced)[0, 1]) < 5 / math.sqrt(drawn.size)
    assert 0.99 < np.abs(new[1]).max() / math.sqrt(6 / 50) < 1 + 1e-6


def test_equal_layers_are_redrawn_differently():
    """Same initializer and shape: both choice and values are their own."""
    options = {"kernel_initializer": keras.initializers.Zeros(), "score_initializer": "kaiming_uniform"}
    model = untrained((100,), *[ScoreMaskedDense(100, seed=1, **options) for _ in range(2)])
    for layer in model.layers:
        layer.kernel_initializer = keras.initializers.RandomNormal(seed=1)
    redraw(model, RandomizePruned(1, 0.5, seed=5), 1)
    (a, b), where = kernels(model), pruned_in(model.layers[0])
    both = ((a != 0) & (b != 0))[where]
    assert abs(both.mean() - 0.25) < 5 * math.sqrt(0.25 * 0.75 / both.size)
    assert not np.any(a[where][both] == b[where][both])


def test_predictions_stay():
    model, x = single(), X[:8]
    before, old = model.predict(x, verbose=0), kernels(model)
    redraw(model, RandomizePruned(1, 1.0, seed=1), 1)
    for a, b in zip(old, kernels(model), strict=True):
        assert not np.array_equal(a, b)
    np.testing.assert_array_equal(model.predict(x, verbose=0), before)


def test_a_model_without_masked_layers_is_refused():
    model = untrained((4,), keras.layers.Dense(3))
    with pytest.raises(ValueError, match="`model` must have ScoreMaskedConv or ScoreMaskedDense layers"):
        model.fit(X, np.zeros((len(X), 3)), verbose=0, callbacks=[RandomizePruned()])


@pytest.mark.parametrize(
    ("argument", "value"),
    [("period", value) for value in (0, -1, 1.5, True, None)]
    + [("rate", value) for value in (-0.1, 1.1, float("nan"), True, None, "half")]
    + [("seed", value) for value in (-1, 2**32, 1.5, True, "one")],
)
def test_bad_arguments_are_refused(argument, value):
    with pytest.raises(ValueError, match=rf"`{argument}` must .*Received: {re.escape(f'{argument}={value!r}')}"):
        RandomizePruned(**{argument: value})


def test_layers_inside_wrappers_are_redrawn():
    layer = ScoreMaskedDense(8, seed=0)
    model = keras.Sequential([keras.Input((5, 8)), keras.layers.TimeDistributed(layer)])
    model.compile("sgd", "mse")
    before = keras.ops.convert_to_numpy(layer.kernel)
    x = np.ones((2, 5, 8), "float32")
    model.fit(x, x, verbose=0, callbacks=[RandomizePruned(1, 1.0, seed=0)])
    changed = keras.ops.convert_to_numpy(layer.kernel) != before
    assert changed.sum() == 32  # every pruned weight
