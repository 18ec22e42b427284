"""A split's batches: every epoch of `fit` has its own, read ahead and in order; and a split as a tf.data.Dataset."""

import keras
import numpy as np
import pytest
from pictures import write_pictures
from trained_weights import assert_close, weights_after

import zoo
from zoo.data.batches import Batches, _ReadAhead, fit_input
from zoo.data.split import Split


def split(n=13):
    return Split(np.random.default_rng(0).integers(1, 255, (n, 4, 4, 1)).astype(np.uint8), np.arange(n) % 3)


def tiny_model():
    """Plain SGD: its weights tell which batches came, and in which order."""
    model = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(3, "softmax", kernel_initializer="zeros"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def contents(batches):
    return [batches[index] for index in range(len(batches))]


def epochs_of(data, size, epochs, **settings):
    return [batch for epoch in epochs for batch in contents(Batches(*data, size, epoch=epoch, **settings))]


@pytest.mark.parametrize("size", [3, 5, 13, 20])
@pytest.mark.parametrize("augment", [None, "crop_flip", "resized_crop_flip"])
def test_every_epoch_of_fit_has_its_own_batches(size, augment):
    """Also an epoch of one batch, which Keras takes to build metrics by on JAX and torch."""
    data, settings = split(), {"augment": augment, "seed": 7}
    wanted, model = epochs_of(data, size, range(3), **settings), tiny_model()
    model.fit(data.batches(size, **settings), epochs=3, shuffle=False, verbose=0)
    firsts = [wanted[epoch * -(-13 // size)][0] for epoch in range(3)]
    assert (firsts[0] != firsts[1]).any()
    assert (firsts[1] != firsts[2]).any()
    if len(firsts) < len(wanted) or augment:  # or the order of the only batch changes nothing in it
        assert_close(model, weights_after(tiny_model(), wanted))
        with pytest.raises(AssertionError):
            assert_close(model, weights_after(tiny_model(), epochs_of(data, size, range(1, 4), **settings)))


def built_later():
    """The same model, which is not built before it sees a batch."""
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3, "softmax", kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture
def epochs_read(monkeypatch):
    """Epoch of every batch that is read."""
    found, read = [], Batches.read

    def noted(batches, index, on_device=False):
        found.append(batches.epoch)
        return read(batches, index, on_device)

    monkeypatch.setattr(Batches, "read", noted)
    return found


@pytest.mark.parametrize("size", [7, 13, 20])
@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("make", [tiny_model, built_later])
def test_an_epoch_has_the_order_of_its_number(epochs_read, size, steps, make):
    """Whatever Keras takes batches for besides, and however many at once; a second fit goes on, or one that resumes."""

    def epochs_of_fit(batches, first, last):
        model = make()
        model.steps_per_execution = steps
        epochs_read.clear()
        model.fit(batches, initial_epoch=first, epochs=last, shuffle=False, verbose=0)
        return sorted(set(epochs_read))

    batches = split().batches(size, seed=7)
    assert epochs_of_fit(batches, 0, 3) == [0, 1, 2]
    assert epochs_of_fit(batches, 0, 2) == [3, 4]
    assert epochs_of_fit(fit_input(Batches(*split(), size, seed=7, epoch=4), epochs=True), 4, 6) == [4, 5]


def test_several_epochs_begin_with_a_first_batch():
    with pytest.raises(ValueError, match=r"`start` must be 0 for several epochs. Received: batches.start=1"):
        fit_input(Batches(*split(), 5, start=1), epochs=True)


def test_epochs_go_on_in_whatever_order_their_batches_are_taken():
    """As `fit` takes them on JAX, where it shuffles them unless it is told not to."""
    ahead = _ReadAhead(Batches(*split(), batch_size=5, seed=1), epochs=True)
    for epoch in range(3):
        wanted = contents(Batches(*split(), batch_size=5, seed=1, epoch=epoch))
        for index in (2, 0, 1):
            np.testing.assert_array_equal(ahead[index][1], wanted[index][1])
        ahead.on_epoch_end()


def test_batches_for_validation_keep_the_order():
    x, y = split()
    for _ in range(2):
        batches = Split(x, y).batches(5, shuffle=False)
        seen = [(np.asarray(a), np.asarray(b)) for a, b in batches]
        np.testing.assert_array_equal(np.concatenate([a for a, _ in seen]), x)
        np.testing.assert_array_equal(np.concatenate([b for _, b in seen]), y)
        assert len(batches) == 3


def test_batches_that_are_read_ahead_are_the_same_in_any_order():
    x, y = split(40)
    batches = Batches(x, y, 4, augment="crop_flip", seed=2)
    wanted = contents(batches)
    if keras.backend.backend() == "tensorflow":
        got = [(np.asarray(a), np.asarray(b)) for a, b in fit_input(batches)]
        order = range(10)
    else:
        ahead, order = fit_input(batches), [0, 1, 2, 7, 8, 3, 3, 0, 9, 1, 2, 3, 4]
        got = [ahead[index] for index in order]
        with pytest.raises(IndexError):
            ahead[10]
    for index, (images, labels) in zip(order, got, strict=True):
        np.testing.assert_array_equal(images, wanted[index][0])
        np.testing.assert_array_equal(labels, wanted[index][1])


def test_the_next_epoch_begins_with_its_first_batch():
    x, y = split()
    batches = Batches(x, y, 5, start=2, epoch=1, seed=3)
    batches.next_epoch()
    assert len(batches) == 3
    for one, other in zip(contents(batches), contents(Batches(x, y, 5, epoch=2, seed=3)), strict=True):
        np.testing.assert_array_equal(one[0], other[0])


@pytest.mark.parametrize("lazy", [False, True])
def test_a_split_as_a_tf_dataset(tmp_path, lazy):
    if lazy:
        write_pictures(tmp_path)
        given = zoo.data.load(tmp_path, image_size=(6, 9)).test
    else:
        given = split(12)
    x, y = given.x[:], given.y
    single = given.as_dataset()
    assert int(single.cardinality()) == 12
    assert single.element_spec[0].shape == x.shape[1:]
    for _ in range(2):
        seen = list(single.as_numpy_iterator())
        np.testing.assert_array_equal(np.stack([a for a, _ in seen]), x)
        np.testing.assert_array_equal([b for _, b in seen], y)
    sizes = [len(b) for _, b in given.as_dataset(5).as_numpy_iterator()]
    assert sizes == [5, 5, 2]
    for bad in (0, 1.5, "3"):
        with pytest.raises(ValueError, match="`batch_size` must be a positive int"):
            given.as_dataset(bad)


def test_images_in_files_go_to_fit_as_they_are(tmp_path):
    write_pictures(tmp_path)
    x, y = zoo.data.load(tmp_path, image_size=4).test
    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")])
    model.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    history = model.fit(x, y, verbose=0, batch_size=5)
    np.testing.assert_allclose(history.history["loss"], model.evaluate(x[:], y, verbose=0), rtol=1e-4)
    np.testing.assert_allclose(model.predict(x, verbose=0), model.predict(x[:], verbose=0), rtol=1e-5)


@pytest.mark.parametrize(("settings", "said"), [({"batch_size": 0}, "batch_size"), ({"augment": "x"}, "augment")])
def test_bad_batches(settings, said):
    with pytest.raises(ValueError, match=f"`{said}` must be"):
        split().batches(**settings)
    with pytest.raises(ValueError, match="at least 1"):
        Split(split().x[:0], split().y[:0]).batches()
