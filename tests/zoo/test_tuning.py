"""Search spaces: what is declared beside a builder is what is searched, and all of it builds."""

import subprocess
import sys

import keras
import keras_tuner
import numpy as np
import pytest

import zoo
from zoo import registry, tuning
from zoo.data.batches import Batches
from zoo.data.datasets import Dataset
from zoo.data.split import Split
from zoo.layers import RandomizePruned

OPTIMIZER = {"learning_rate", "momentum"}


def dataset(shape=(8, 8, 1), classes=3, n=12, val=6):
    x = np.random.default_rng(0).integers(0, 256, (n, *shape)).astype("uint8")
    y = np.arange(n) % classes
    return Dataset(Split(x, y), Split(x[:val], y[:val]), Split(x, y))


def declared(hypermodel):
    hp = keras_tuner.HyperParameters()
    hypermodel.declare_hyperparameters(hp)
    return {entry.name: entry for entry in hp.space}


def sampled(hypermodel, seed):
    hp = keras_tuner.HyperParameters()
    hypermodel.declare_hyperparameters(hp)
    hp.values = {entry.name: entry.random_sample(seed + i) for i, entry in enumerate(hp.space)}
    return hp


@pytest.fixture
def register(empty_registry):
    """Register a toy with a search space in a registry of its own."""

    def toy(input_shape=(8, 8, 1), classes=2, units=2, rate=0.5, bias=True, activation="relu", seed=None):
        """Toy."""
        first, last = (keras.initializers.GlorotUniform(seed=(seed or 0) + i) for i in range(2))
        inputs = keras.Input(input_shape)
        x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
        x = keras.layers.Dense(units, activation, bias, kernel_initializer=first)(x)
        x = keras.layers.Dropout(rate, seed=seed)(x)
        return keras.Model(inputs, keras.layers.Dense(classes, "softmax", kernel_initializer=last)(x))

    def declare(search, callback=None):
        empty_registry("Of Toys", "section 9", search, callback)(toy)
        return toy

    return declare


SPACE = {"units": (1, 4), "rate": (0.1, 0.6), "bias": [True, False], "activation": ["relu", "tanh"]}


def test_keras_tuner_is_imported_only_when_asked_for():
    there = "print('keras_tuner' in sys.modules)"
    code = f"import sys, zoo; {there}; zoo.tuning.hypermodel; {there}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_the_zoo_still_refuses_what_it_does_not_have():
    with pytest.raises(AttributeError, match="'zoo' has no attribute 'tunning'"):
        zoo.tunning  # noqa: B018


@pytest.mark.parametrize("name", zoo.list_models())
def test_the_space_is_what_stands_beside_the_builder(name):
    found = declared(zoo.tuning.hypermodel(name, dataset((32, 32, 3))))
    search = registry.find(name).search
    assert set(found) == {*search, *OPTIMIZER}
    for option, spec in search.items():
        entry = found[option]
        if isinstance(spec, tuple):
            assert (entry.min_value, entry.max_value) == spec
            assert isinstance(entry, keras_tuner.engine.hyperparameters.Int) == isinstance(spec[0], int)
        else:
            assert sorted(entry.values) == sorted(spec)


# The deep ones declare what resnet18 and its kin declare, and take seconds to build.
DEEP = ("resnet34", "resnet50", "resnet101")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * n.startswith(DEEP)) for n in zoo.list_models()]
)
@pytest.mark.parametrize("seed", [0, 100])
def test_sampled_configurations_build(name, seed):
    hypermodel = zoo.tuning.hypermodel(name, dataset((32, 32, 3), classes=4))
    model = hypermodel.build(sampled(hypermodel, seed))
    assert model.compiled
    assert model.name == name
    if "input_shape" in registry.find(name).options:
        assert (model.input_shape, model.output_shape) == ((None, 32, 32, 3), (None, 4))


def test_kinds_of_ranges(register):
    register(SPACE)
    hypermodel = tuning.hypermodel("toy", dataset())
    drawn = [sampled(hypermodel, seed).values for seed in range(0, 400, 10)]
    assert {values["units"] for values in drawn} == {1, 2, 3, 4}
    assert {values["bias"] for values in drawn} == {True, False}
    assert {type(values["bias"]) for values in drawn} == {bool}
    assert {values["activation"] for values in drawn} == {"relu", "tanh"}
    assert {values["momentum"] for values in drawn} == {0.0, 0.9, 0.95}
    rates = [values["rate"] for values in drawn]
    assert 0.1 <= min(rates) < 0.2 < 0.5 < max(rates) <= 0.6
    rates = np.log10([values["learning_rate"] for values in drawn])
    assert np.log10(1e-3) <= rates.min() < -2.5 < -1 < rates.max() <= np.log10(0.3)
    assert np.median(rates) == pytest.approx((np.log10(1e-3) + np.log10(0.3)) / 2, abs=0.4)  # log-uniform


def test_a_configuration_is_what_is_built(register):
    register(SPACE)
    hypermodel = tuning.hypermodel("toy", dataset(classes=3))
    hp = sampled(hypermodel, 3)
    model = hypermodel.build(hp)
    dense, logits = (layer for layer in model.layers if isinstance(layer, keras.layers.Dense))
    (dropout,) = (layer for layer in model.layers if isinstance(layer, keras.layers.Dropout))
    assert (dense.units, dense.use_bias) == (hp.values["units"], hp.values["bias"])
    assert dense.activation.__name__ == hp.values["activation"]
    assert (dropout.rate, logits.units) == (hp.values["rate"], 3)
    assert isinstance(model.optimizer, keras.optimizers.SGD)
    assert float(model.optimizer.learning_rate) == pytest.approx(hp.values["learning_rate"])
    assert model.optimizer.momentum == hp.values["momentum"]
    assert model.loss == "sparse_categorical_crossentropy"


def test_fixed_options_leave_the_space(register):
    register(SPACE)
    hypermodel = tuning.hypermodel("toy", dataset(), units=3, classes=7)
    assert set(declared(hypermodel)) == {"rate", "bias", "activation", *OPTIMIZER}
    model = hypermodel.build(sampled(hypermodel, 0))
    assert model.output_shape == (None, 7)
    assert [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)] == [3, 7]


def test_a_model_without_input_shape_or_search(empty_registry):
    def points(units=2, seed=None):
        return keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(units, "softmax")])

    empty_registry("Of Toys", "section 9")(points)
    hypermodel = tuning.hypermodel("points", dataset())
    assert set(declared(hypermodel)) == OPTIMIZER
    assert hypermodel.build(sampled(hypermodel, 0)).output_shape == (None, 2)


@pytest.mark.parametrize(
    "spec",
    [
        *([None, 1], [[1, 2], [3, 4]], [1, 0.5], [True, 1], [True], []),
        *((0.5,), (1, 0.5), (3, 1), (1, 2, 3), (True, False), (0.0, float("inf")), (float("nan"), 1.0), ("a", "b")),
        *({1, 2}, "relu", 3, None),
    ],
)
def test_ranges_that_keras_tuner_has_not_are_refused(register, spec):
    register({"units": spec})
    with pytest.raises(ValueError, match=r"`search` must give 'units' a list of choices.*Received: units="):
        tuning.hypermodel("toy", dataset())
    assert set(declared(tuning.hypermodel("toy", dataset(), units=2))) == OPTIMIZER  # fixed, it is not searched


def test_the_optimisers_names_are_taken(empty_registry):
    def toy(momentum=0.9, seed=None):
        return keras.Sequential([keras.Input((1,))])

    empty_registry("Of Toys", "section 9", {"momentum": [0.9, 0.99]})(toy)
    with pytest.raises(ValueError, match=r"the optimiser's\. Received: momentum="):
        tuning.hypermodel("toy", dataset())


def test_unknown_names_get_a_hint(register):
    register(SPACE)
    with pytest.raises(ValueError, match=r"Did you mean 'toy'\?.*name='toi'"):
        tuning.hypermodel("toi", dataset())
    with pytest.raises(ValueError, match=r"Did you mean 'units'\?.*option='unit'"):
        tuning.hypermodel("toy", dataset(), unit=3)
    with pytest.raises(ValueError, match=r"Did you mean 'digits'\?"):
        tuning.hypermodel("toy", "digit")


def test_images_cannot_train_a_model_of_several_inputs():
    model = tuning.hypermodel("mlp_embedding", dataset(), x_size=2, condition_size=2, width=4, embedding_dim=4)
    hp = keras_tuner.HyperParameters()
    with pytest.raises(ValueError, match=r"`model` must have one input\. Received: .* with inputs x, condition"):
        model.fit(hp, model.build(hp))


def test_data_need_validation_examples(register):
    register(SPACE)
    with pytest.raises(ValueError, match="`data` must have validation examples"):
        tuning.hypermodel("toy", dataset(val=0))


def test_data_by_name(register):
    register(SPACE)
    hypermodel = tuning.hypermodel("toy")
    assert hypermodel.fixed == {"input_shape": (8, 8, 1), "classes": 10}
    np.testing.assert_array_equal(hypermodel.data.val.y, zoo.data.load("digits").val.y)


@pytest.mark.on_tensorflow
def test_any_tuner_of_keras_tuner_searches(register, tmp_path):
    register({"units": [2, 3]})
    data = dataset()
    tuner = keras_tuner.RandomSearch(
        tuning.hypermodel("toy", data), objective="val_accuracy", max_trials=1, directory=tmp_path, seed=1
    )
    tuner.search(epochs=2, batch_size=6, verbose=0)
    assert [trial.status for trial in tuner.oracle.trials.values()] == ["COMPLETED"]
    model = tuner.get_best_models()[0]
    best = tuner.oracle.get_best_trials()[0]
    assert model.evaluate(*data.val, verbose=0)[1] == pytest.approx(best.score)


def test_fit_takes_other_data(register):
    register({})
    hypermodel = tuning.hypermodel("toy", dataset())
    hp = sampled(hypermodel, 0)
    x, y = dataset(n=5).train
    for arguments in ({"x": x, "y": y}, {}):
        model = hypermodel.build(hp)
        given = () if arguments else (x, y)
        hypermodel.fit(hp, model, *given, **arguments, batch_size=1, verbose=0)
        assert int(model.optimizer.iterations) == 5


def test_fit_goes_on_from_an_epoch(register):
    register({})
    hypermodel = tuning.hypermodel("toy", dataset(n=12), seed=3)
    hp = sampled(hypermodel, 0)
    whole, parts = hypermodel.build(hp), hypermodel.build(hp)
    history = hypermodel.fit(hp, whole, epochs=3, batch_size=4, verbose=0).history
    assert {len(values) for values in history.values()} == {3}
    hypermodel.fit(hp, parts, epochs=1, batch_size=4, verbose=0)
    rest = hypermodel.fit(hp, parts, initial_epoch=1, epochs=3, batch_size=4, verbose=0).history
    assert {len(values) for values in rest.values()} == {2}
    for a, b in zip(whole.get_weights(), parts.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_callbacks_see_one_training(register):
    register({})
    hypermodel = tuning.hypermodel("toy", dataset(n=12))
    hp = sampled(hypermodel, 0)
    began = []
    watch = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: began.append(1))
    stop = keras.callbacks.EarlyStopping("val_loss", patience=2, min_delta=100)  # never is an epoch so much better
    rate = keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, min_delta=100)
    model = hypermodel.build(hp)
    before = float(model.optimizer.learning_rate)
    history = hypermodel.fit(hp, model, epochs=9, batch_size=6, callbacks=[watch, stop, rate], verbose=0)
    assert len(history.history["val_loss"]) == 3
    assert began == [1]
    assert float(model.optimizer.learning_rate) == pytest.approx(before / 4)


def test_each_epoch_has_the_order_that_recipes_train_in(register):
    register({})
    hypermodel = tuning.hypermodel("toy", dataset(n=10), seed=3, rate=0.0)
    hp = sampled(hypermodel, 0)
    ours, by_recipes = hypermodel.build(hp), hypermodel.build(hp)
    hypermodel.fit(hp, ours, initial_epoch=2, epochs=4, batch_size=4, verbose=0)
    for epoch in (2, 3):
        by_recipes.fit(Batches(*dataset(n=10).train, 4, seed=3, epoch=epoch), shuffle=False, verbose=0)
    for a, b in zip(ours.get_weights(), by_recipes.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.on_tensorflow
@pytest.mark.parametrize("where", ["loss", "validation loss"])
def test_a_trial_on_given_data_fails_if_its_loss_is_not_a_number(register, tmp_path, where):
    register({})
    hypermodel = tuning.hypermodel("toy", dataset(), activation="linear")  # some CPUs' kernels make 0 of relu(NaN)
    x, y = dataset().train
    bad = np.full(x.shape, np.nan, "float32")
    train, val = (bad, x) if where == "loss" else (x, bad)
    given = {"objective": "val_accuracy", "max_trials": 1, "max_consecutive_failed_trials": 2, "directory": tmp_path}
    tuner = keras_tuner.RandomSearch(hypermodel, seed=1, **given)
    tuner.search(x=train, y=y, validation_data=(val, y), epochs=2, verbose=0)
    (trial,) = tuner.oracle.trials.values()
    assert trial.status == "FAILED"
    assert f"FailedTrialError: the {where} is nan after epoch 1" in trial.message


def test_fit_adds_the_callback_that_a_model_needs(register):
    seen = []

    class Needed(keras.callbacks.Callback):
        """Sees every batch, before the caller's own."""

        def __init__(self, seed):
            super().__init__()
            self.seed = seed

        def on_train_batch_end(self, batch, logs=None):
            seen.append(self.seed)

    register({}, Needed)
    hypermodel = tuning.hypermodel("toy", dataset(n=12), seed=3)
    hp = sampled(hypermodel, 0)
    own = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append("own"))
    hypermodel.fit(hp, hypermodel.build(hp), epochs=2, batch_size=6, callbacks=[own], verbose=0)
    hypermodel.fit(hp, hypermodel.build(hp), *hypermodel.data.train, batch_size=12, verbose=0)
    assert seen == [3, "own"] * 4 + [3]


def test_iterand_is_tuned_with_its_redraws():
    assert zoo.registry.find("conv6_iterand").callback is RandomizePruned
    assert zoo.registry.find("conv6_edge_popup").callback is None
