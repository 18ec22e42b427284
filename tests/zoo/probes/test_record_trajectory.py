import keras
import numpy as np
import pytest

import zoo
from zoo.probes import RecordTrajectory, great_circle, trajectory_lengths, transitions


def _fit(recorder, epochs=2, **compiled):
    model = zoo.build("random_mlp", dim=4, width=8, depth=2, seed=3)
    model.compile(keras.optimizers.SGD(0.05), "mse", **compiled)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((40, 4)).astype("float32"), rng.standard_normal((40, 1)).astype("float32")
    model.fit(x, y, batch_size=8, epochs=epochs, shuffle=False, callbacks=[recorder], verbose=0)
    return model


def _curve():
    return great_circle([1.0, 0, 0, 0], [0, 1.0, 0, 0], 65, turns=1)


def test_each_epoch_is_measured_and_the_last_record_is_what_the_trained_model_gives():
    recorder = RecordTrajectory(_curve())
    model = _fit(recorder)
    assert [record["update"] for record in recorder.records] == [0, 5, 10]
    start = zoo.build("random_mlp", dim=4, width=8, depth=2, seed=3)
    for record, one in zip((recorder.records[0], recorder.records[-1]), (start, model), strict=True):
        assert record["lengths"] == pytest.approx(trajectory_lengths(one, _curve()), rel=1e-5)
        assert record["transitions"] == transitions(one, _curve())
    assert recorder.records[0]["lengths"] != recorder.records[1]["lengths"] != recorder.records[2]["lengths"]


STEPPED = pytest.mark.not_on("torch", "Keras refuses steps_per_execution above 1")


@pytest.mark.parametrize(("steps", "updates"), [(1, [0, 4, 8]), pytest.param(5, [0, 5, 10], marks=STEPPED)])
def test_a_period_counts_updates(steps, updates):
    recorder = RecordTrajectory(_curve(), ["hidden_2"], "saturation", period=4)
    _fit(recorder, steps_per_execution=steps)
    assert [record["update"] for record in recorder.records] == updates
    lengths = [record["lengths"]["hidden_2"] for record in recorder.records]
    assert len(set(lengths)) == 3  # every record saw other weights, also where the backend keeps them for itself
    assert set(recorder.records[0]["transitions"]) == {"hidden_2"}


def test_the_weights_at_an_update_are_those_of_a_training_that_ends_there():
    recorder = RecordTrajectory(_curve(), period=5)
    _fit(recorder)
    half = _fit(RecordTrajectory(_curve()), epochs=1)
    assert recorder.records[1]["lengths"] == pytest.approx(trajectory_lengths(half, _curve()), rel=1e-4)


@pytest.mark.parametrize(("key", "value"), [("kind", "none"), ("period", 0), ("networks", "yes")])
def test_bad_arguments_are_named(key, value):
    with pytest.raises(ValueError, match=f"`{key}` must be"):
        RecordTrajectory(_curve(), **{key: value})


def test_a_trajectory_that_does_not_fit_is_refused_when_training_begins():
    with pytest.raises(ValueError, match="`trajectory` must have points of the input's shape"):
        _fit(RecordTrajectory(np.zeros((5, 3))))
