"""Batches against slow loops: what augmentation does, what an epoch holds, and that resuming changes nothing."""

import math
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from scipy.stats import kstest
from trained_weights import assert_close, weights_after

from zoo import layers
from zoo.data.augmentation import crop_and_flip, random_windows, resized_crop_and_flip
from zoo.data.batches import Batches, fit_input

if keras.backend.backend() == "jax":
    import jax


def images(n, shape=(5, 7, 3), dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(1, 255, (n, *shape)).astype(dtype)


def slow_crop_and_flip(images, rng, padding, flip):
    """One image and one pixel at a time."""
    n, height, width, channels = images.shape
    down = rng.integers(0, 2 * padding, size=n, endpoint=True) - padding
    right = rng.integers(0, 2 * padding, size=n, endpoint=True) - padding
    mirrored = rng.random(n) < 0.5 if flip else np.zeros(n, bool)
    out = np.zeros_like(images)
    for i, row, column, channel in np.ndindex(n, height, width, channels):
        source_row = row + down[i]
        source_column = (width - 1 - column if mirrored[i] else column) + right[i]
        if 0 <= source_row < height and 0 <= source_column < width:
            out[i, row, column, channel] = images[i, source_row, source_column, channel]
    return out


def slow_window(draws, height, width):
    """torchvision's RandomResizedCrop.get_params, with the numbers of one image already drawn."""
    low, high = math.log(3 / 4), math.log(4 / 3)
    for attempt in range(10):
        area = height * width * (0.08 + 0.92 * draws[attempt])
        ratio = math.exp(low + (high - low) * draws[10 + attempt])
        wide, tall = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < wide <= width and 0 < tall <= height:
            return int(draws[20] * (height - tall + 1)), int(draws[21] * (width - wide + 1)), tall, wide
    tall, wide = height, width
    if width / height < 3 / 4:
        tall = round(width / (3 / 4))
    elif width / height > 4 / 3:
        wide = round(height * (4 / 3))
    return (height - tall) // 2, (width - wide) // 2, tall, wide


def slow_resized_crop(images, draws, padding):
    """One image and one pixel at a time, not rounded."""
    n, height, width, channels = images.shape
    out = np.zeros(images.shape)
    for i, row, column in np.ndindex(n, height, width):
        top, left, tall, wide = slow_window(draws[i], height + 2 * padding, width + 2 * padding)
        source = width - 1 - column if draws[i, 22] < 0.5 else column
        y = min(max((row + 0.5) * tall / height - 0.5, 0), tall - 1)
        x = min(max((source + 0.5) * wide / width - 0.5, 0), wide - 1)
        pixel = np.zeros(channels)
        for r in range(tall):
            for c in range(wide):
                share = max(0, 1 - abs(r - y)) * max(0, 1 - abs(c - x))
                at = (top + r - padding, left + c - padding)
                if share and 0 <= at[0] < height and 0 <= at[1] < width:
                    pixel += share * images[i][at]
        out[i, row, column] = pixel
    return out


class Drawn:
    """A generator whose numbers are known."""

    def __init__(self, numbers):
        self.numbers = np.asarray(numbers, float)

    def random(self, shape):
        assert shape == self.numbers.shape
        return self.numbers


def contents(batches):
    return [batches[i] for i in range(len(batches))]


def assert_same(one, other):
    assert len(one) == len(other)
    for (x, y), (x_other, y_other) in zip(one, other, strict=True):
        np.testing.assert_array_equal(x, x_other)
        np.testing.assert_array_equal(y, y_other)


# crop_and_flip


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float16, np.int64, bool])
@pytest.mark.parametrize(("padding", "flip"), [(4, True), (1, False), (0, True), (9, True)])
def test_crop_and_flip_equals_the_slow_loop(dtype, padding, flip):
    x = images(23, dtype=dtype)
    before = x.copy()
    got = crop_and_flip(x, np.random.default_rng(5), padding, flip)
    np.testing.assert_array_equal(got, slow_crop_and_flip(x, np.random.default_rng(5), padding, flip))
    np.testing.assert_array_equal(x, before)
    assert got.dtype == x.dtype
    assert got.shape == x.shape
    assert not np.shares_memory(got, x)


def test_crop_and_flip_defaults_and_empty_batch():
    x = images(11, (8, 8, 1))
    got = crop_and_flip(x, np.random.default_rng(2))
    np.testing.assert_array_equal(got, slow_crop_and_flip(x, np.random.default_rng(2), 4, True))
    assert crop_and_flip(x[:0], np.random.default_rng(2)).shape == (0, 8, 8, 1)


def test_without_padding_and_flip_nothing_changes():
    x = images(11)
    np.testing.assert_array_equal(crop_and_flip(x, np.random.default_rng(0), 0, False), x)


def test_shifts_are_uniform_and_half_are_mirrored():
    n, padding = 50_000, 2
    x = np.zeros((n, 9, 9, 1), np.uint8)
    x[:, 4, 4], x[:, 4, 5] = 1, 2  # a mark and its right neighbour
    got = crop_and_flip(x, np.random.default_rng(0), padding)[..., 0]
    _, rows, columns = np.nonzero(got == 1)
    _, _, neighbours = np.nonzero(got == 2)
    mirrored = neighbours < columns
    assert len(rows) == n
    assert abs(mirrored.sum() - n / 2) < 5 * np.sqrt(n / 4)
    counts = np.zeros((2, 9, 9), int)
    np.add.at(counts, (mirrored.astype(int), rows, columns), 1)
    assert counts[:, 2:7, 2:7].sum() == n
    share = 1 / 50  # 25 shifts, each mirrored or not, all independent
    assert (np.abs(counts[:, 2:7, 2:7] - n * share) < 5 * np.sqrt(n * share * (1 - share))).all()


def test_what_is_shifted_in_is_zero():
    x = np.full((500, 6, 6, 2), 255, np.uint8)
    got = crop_and_flip(x, np.random.default_rng(0), padding=3)
    rows, columns = (got[..., 0] > 0).any(2).sum(1), (got[..., 0] > 0).any(1).sum(1)
    assert set(rows) == set(columns) == {3, 4, 5, 6}
    np.testing.assert_array_equal((got == 255).sum((1, 2, 3)), rows * columns * 2)
    assert set(np.unique(got)) == {0, 255}


@pytest.mark.parametrize("padding", [-1, 1.5, True, None])
def test_crop_and_flip_refuses_bad_padding(padding):
    with pytest.raises(ValueError, match=r"`padding` must be an int .* Received: padding="):
        crop_and_flip(images(2), np.random.default_rng(0), padding)


def test_crop_and_flip_refuses_other_ranks():
    with pytest.raises(
        ValueError, match=r"`images` must have shape \(n, h, w, c\). Received: images.shape=\(5, 7, 3\)"
    ):
        crop_and_flip(images(1)[0], np.random.default_rng(0))


# resized_crop_and_flip


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float16, np.float64, np.int64])
@pytest.mark.parametrize(("padding", "shape"), [(4, (6, 8, 3)), (0, (9, 9, 2)), (1, (5, 20, 1)), (2, (15, 4, 1))])
def test_resized_crop_equals_the_slow_loop(dtype, padding, shape):
    x = images(12, shape, dtype)
    before = x.copy()
    got = resized_crop_and_flip(x, np.random.default_rng(5), padding)
    truth = slow_resized_crop(x.astype(float), np.random.default_rng(5).random((12, 23)), padding)
    rounding = 0.5 if np.dtype(dtype).kind in "ui" else 255 * np.finfo(dtype).eps
    assert np.abs(got - truth).max() <= rounding + 1e-4
    np.testing.assert_array_equal(x, before)
    assert got.dtype == x.dtype
    assert got.shape == x.shape


def test_the_whole_image_stays_as_it_is():
    whole = np.full((2, 23), 0.5)  # ratio 1; the last number says not to mirror
    whole[:, :10] = 1 - 1e-12
    x = images(2, (7, 7, 3))
    np.testing.assert_array_equal(resized_crop_and_flip(x, Drawn(whole), 0), x)
    whole[:, 22] = 0.49
    np.testing.assert_array_equal(resized_crop_and_flip(x, Drawn(whole), 0), x[:, :, ::-1])


@pytest.mark.parametrize(
    ("height", "width", "window"),
    [(30, 30, (0, 0, 30, 30)), (20, 60, (0, 16, 20, 27)), (60, 20, (16, 0, 27, 20)), (30, 39, (0, 0, 30, 39))],
)
def test_where_no_window_fits_the_centre_is_taken(height, width, window):
    draws = np.full((1, 23), 1 - 1e-12)  # the whole area at a ratio of 4/3 or 3/4
    draws[:, 10:20] = 0 if width >= height else 1
    assert tuple(int(n[0]) for n in random_windows(draws, height, width)) == window


def test_the_first_window_that_fits_is_taken():
    draws = np.full((3, 23), 1 - 1e-12)
    draws[:, 10:20] = 1
    draws[0, [0, 10]], draws[1, [4, 14]], draws[2, [9, 19]] = 0, 0, 0
    top, left, tall, wide = random_windows(draws, 100, 100)
    assert set(tall) == {round(100 * math.sqrt(0.08 * 4 / 3))}
    assert set(wide) == {round(100 * math.sqrt(0.08 * 3 / 4))}
    np.testing.assert_array_equal(top + tall, 100)
    np.testing.assert_array_equal(left + wide, 100)


def test_areas_ratios_and_places_are_uniform():
    height, width = 3000, 3000
    top, left, tall, wide = random_windows(np.random.default_rng(0).random((40_000, 23)), height, width)
    area, ratio = tall * wide / (height * width), np.log(wide / tall)
    assert 0.079 < area.min() < 0.081
    assert 0.99 < area.max() <= 1
    assert np.abs(ratio).max() < math.log(4 / 3) + 0.002
    # Up to 3/4 of the area every ratio fits, so nothing was drawn again.
    small = area < 0.75
    spread = math.log(4 / 3)
    for numbers, low, high in (
        (area[small], 0.08, 0.75),
        (ratio[small], -spread, spread),
        (top[small] / (height - tall[small]), 0, 1),
        (left[small] / (width - wide[small]), 0, 1),
    ):
        assert kstest(numbers, "uniform", (low, high - low)).pvalue > 1e-4
    assert (top + tall <= height).all()
    assert (left + wide <= width).all()


def test_half_are_mirrored():
    x = np.tile(np.arange(32, dtype=np.uint8)[:, None], (4000, 32, 1, 1))
    got = resized_crop_and_flip(x, np.random.default_rng(0), 0)[..., 0].astype(int)
    falling = got[:, 16, 0] > got[:, 16, -1]
    assert abs(falling.sum() - 2000) < 5 * np.sqrt(1000)


def test_resized_crop_of_an_empty_batch_and_defaults():
    assert resized_crop_and_flip(images(0), np.random.default_rng(0)).shape == (0, 5, 7, 3)
    x = images(3)
    one, other = (resized_crop_and_flip(x, np.random.default_rng(0), *padding) for padding in ((), (4,)))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("x", "padding", "message"),
    [
        (images(2), -1, "`padding` must be an int in .* Received: padding=-1"),
        (images(2), 1.0, "`padding` must be an int"),
        (images(2)[0], 4, r"`images` must have shape \(n, h, w, c\). Received: images.shape=\(5, 7, 3\)"),
        (images(2, dtype=bool), 4, "`images` must be ints or floats. Received: images.dtype=bool"),
    ],
)
def test_resized_crop_refuses(x, padding, message):
    with pytest.raises(ValueError, match=message):
        resized_crop_and_flip(x, np.random.default_rng(0), padding)


# On the device


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="is JAX's")
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize(("padding", "shape"), [(4, (12, 16, 3)), (0, (9, 9, 1)), (1, (5, 20, 2))])
def test_a_compiled_function_gives_the_same_pixels(dtype, padding, shape):
    x = images(30, shape, dtype)
    for augment, tolerance in ((crop_and_flip, 0), (resized_crop_and_flip, 1 if dtype == "uint8" else 1e-3)):
        wanted = augment(x, np.random.default_rng(5), padding)
        got = augment(x, np.random.default_rng(5), padding, on_device=True)
        assert isinstance(got, jax.Array)
        assert got.dtype == dtype
        difference = np.abs(np.asarray(got).astype(float) - wanted)
        assert difference.max() <= tolerance
        assert (difference > 1e-3).mean() < 0.01  # the two round the same number now and then
        again = augment(x, np.random.default_rng(5), padding, on_device=True)
        np.testing.assert_array_equal(np.asarray(got), np.asarray(again))


# Batches


@pytest.mark.parametrize(
    ("n", "batch_size", "sizes"), [(10, 4, [4, 4, 2]), (8, 4, [4, 4]), (3, 128, [3]), (3, 1, [1] * 3)]
)
def test_every_epoch_holds_each_example_once(n, batch_size, sizes):
    x, y = images(n), np.arange(n)
    for epoch in range(3):
        seen = contents(Batches(x, y, batch_size, seed=1, epoch=epoch))
        assert [len(labels) for _, labels in seen] == sizes
        labels = np.concatenate([labels for _, labels in seen])
        np.testing.assert_array_equal(np.sort(labels), y)
        np.testing.assert_array_equal(np.concatenate([batch for batch, _ in seen]), x[labels])


def test_orders_differ_by_epoch_and_by_seed_and_are_as_documented():
    x, y = images(40), np.arange(40)
    orders = {}
    for seed in (0, 1):
        for epoch in (0, 1, 2):
            orders[seed, epoch] = np.concatenate([labels for _, labels in Batches(x, y, 7, seed=seed, epoch=epoch)])
            rng = np.random.default_rng(np.random.SeedSequence([seed, epoch]))
            np.testing.assert_array_equal(orders[seed, epoch], rng.permutation(40))
    assert len({tuple(order) for order in orders.values()}) == 6


def test_without_shuffling_the_order_is_kept():
    x, y = images(10), np.arange(10)
    batches = Batches(x, y, 4, shuffle=False, epoch=5)
    assert_same(contents(batches), [(x[:4], y[:4]), (x[4:8], y[4:8]), (x[8:], y[8:])])


@pytest.mark.parametrize("augment", ["crop", "crop_flip"])
@pytest.mark.parametrize(("padding", "used"), [(None, 2), (3, 3), (0, 0)])
def test_augmentation_depends_on_seed_epoch_and_batch_only(augment, padding, used):
    x, y = images(10, (16, 5, 3)), np.arange(10)
    batches = Batches(x, y, 4, augment=augment, padding=padding, seed=3, epoch=2)
    for i in (2, 0, 1, 1):
        batch, labels = batches[i]
        rng = np.random.default_rng(np.random.SeedSequence([3, 2, i, 1]))
        np.testing.assert_array_equal(batch, slow_crop_and_flip(x[labels], rng, used, augment == "crop_flip"))
        assert batch.dtype == np.uint8


@pytest.mark.parametrize(("padding", "used"), [(None, 2), (3, 3), (0, 0)])
def test_resized_crops_depend_on_seed_epoch_and_batch_only(padding, used):
    x, y = images(10, (16, 5, 3)), np.arange(10)
    batches = Batches(x, y, 4, augment="resized_crop_flip", padding=padding, seed=3, epoch=2)
    for i in (2, 0, 1, 1):
        batch, labels = batches[i]
        rng = np.random.default_rng(np.random.SeedSequence([3, 2, i, 1]))
        np.testing.assert_array_equal(batch, resized_crop_and_flip(x[labels], rng, used))


def test_small_images_are_shifted_by_at_least_one_pixel():
    assert Batches(images(2, (5, 5, 1)), np.arange(2), augment="crop").padding == 1


def test_data_are_left_alone():
    x, y = images(10), np.arange(10)
    before = x.copy()
    batches = Batches(x, y, 4, augment="crop_flip")
    for batch, labels in contents(batches):
        batch[:], labels[:] = 0, 0
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(y, np.arange(10))
    assert batches[0][0].any()


@pytest.mark.parametrize("augment", [None, "crop_flip", "resized_crop_flip"])
def test_resuming_equals_the_uninterrupted_run_bit_for_bit(augment):
    x, y = images(30), np.arange(30)
    settings = {"batch_size": 7, "augment": augment, "seed": 9}
    for epoch in range(3):
        whole = contents(Batches(x, y, epoch=epoch, **settings))
        for start in range(5):
            resumed = Batches(x, y, epoch=epoch, start=start, **settings)
            assert len(resumed) == 5 - start
            assert_same(contents(resumed), whole[start:])


@pytest.mark.parametrize("index", [-1, 3])
def test_there_is_no_batch_outside_the_epoch(index):
    with pytest.raises(IndexError, match=r"`index` must be in \[0, 3\). Received: index="):
        Batches(images(10), np.arange(10), 3, start=1)[index]


X, Y = images(10), np.arange(10)


@pytest.mark.parametrize(
    ("x", "y", "changes", "message"),
    [
        (X, Y[:9], {}, "`x` and `y` must have the same length"),
        (X[:0], Y[:0], {}, "`x` and `y` must have the same length, at least 1"),
        (np.float32(1), Y, {}, "`x` and `y` must"),
        (X, Y, {"batch_size": 0}, "`batch_size` must be an int in .* Received: batch_size=0"),
        (X, Y, {"batch_size": 2.0}, "`batch_size` must be"),
        (
            X,
            Y,
            {"augment": "flip"},
            "`augment` must be one of None, 'crop', .*'resized_crop_flip'. Received: augment='flip'",
        ),
        (X[..., 0], Y, {"augment": "crop"}, r"`x` must have shape \(n, h, w, c\)"),
        (X, Y, {"augment": "crop", "padding": -1}, "`padding` must be an int in .* Received: padding=-1"),
        (X, Y, {"padding": "4"}, "`padding` must be"),
        (X, Y, {"seed": -1}, "`seed` must be"),
        (X, Y, {"seed": None}, "`seed` must be"),
        (X, Y, {"seed": 2**32}, "`seed` must be"),
        (X, Y, {"epoch": -1}, "`epoch` must be"),
        (X, Y, {"start": -1}, "`start` must be"),
        (X, Y, {"start": 3}, "`start` must be below 3, .* Received: start=3"),
    ],
)
def test_bad_arguments(x, y, changes, message):
    with pytest.raises(ValueError, match=message):
        Batches(x, y, **{"batch_size": 4, **changes})


# In Keras


def tiny_model():
    """Plain SGD: its weights tell which batches came, and in which order."""
    model = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            layers.NormalizePixels(0.0, 0.0625),
            keras.layers.Flatten(),
            keras.layers.Dense(3, kernel_initializer="zeros"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss, metrics=["accuracy"])
    return model


def slow_batches(x, y, seed, epoch, size):
    order = np.random.default_rng(np.random.SeedSequence([seed, epoch])).permutation(len(x))
    for i, low in enumerate(range(0, len(x), size)):
        rows = order[low : low + size]
        rng = np.random.default_rng(np.random.SeedSequence([seed, epoch, i, 1]))
        yield slow_crop_and_flip(x[rows], rng, 1, True), y[rows]


@pytest.mark.parametrize("size", [3, 4, 6, 16])
def test_fit_sees_the_right_batches(size):
    x, y = images(12, (4, 4, 1)), np.arange(12) % 3
    wanted = [batch for epoch in range(2) for batch in slow_batches(x, y, 4, epoch, size)]
    weights = weights_after(tiny_model(), wanted)
    model = tiny_model()
    for epoch in range(2):
        model.fit(Batches(x, y, size, augment="crop_flip", seed=4, epoch=epoch), shuffle=False, verbose=0)
    assert_close(model, weights)
    # And the check can tell batches apart: any other order ends elsewhere.
    with pytest.raises(AssertionError):
        assert_close(model, weights_after(tiny_model(), [*slow_batches(x, y, 4, 2, size), *wanted]))


@pytest.mark.parametrize("size", [5, 4])
def test_fit_entered_in_mid_epoch_sees_the_rest_of_it(size):
    x, y = images(13, (4, 4, 1)), np.arange(13) % 3
    rest = list(slow_batches(x, y, 0, 1, size))[2:]
    model = tiny_model()
    model.fit(Batches(x, y, size, augment="crop_flip", epoch=1, start=2), shuffle=False, verbose=0)
    assert_close(model, weights_after(tiny_model(), rest))


def test_evaluate_and_predict_see_every_example_in_order():
    x, y = images(10, (4, 4, 1)), np.arange(10) % 3
    model = tiny_model()
    model.fit(x, y, epochs=3, verbose=0)
    batches = Batches(x, y, 4, shuffle=False)
    np.testing.assert_allclose(model.evaluate(batches, verbose=0), model.evaluate(x, y, verbose=0), rtol=1e-5)
    np.testing.assert_allclose(model.predict(batches, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("start", [0, 2])
def test_fit_input_gives_the_same_batches_in_the_same_order(start):
    x, y = images(13, (4, 4, 1)), np.arange(13) % 3
    batches = Batches(x, y, 5, augment="crop_flip", seed=3, epoch=2, start=start)
    wanted = list(slow_batches(x, y, 3, 2, 5))[start:]
    read = [(np.asarray(a), np.asarray(b)) for a, b in fit_input(batches)]
    assert_same(read, wanted)
    model = tiny_model()
    model.fit(fit_input(batches), shuffle=False, verbose=0)
    assert_close(model, weights_after(tiny_model(), wanted))


FORKED = """
import os, signal
from zoo.data.batches import _reader
from zoo.data.threads import by_parts

def read():
    return sum(by_parts(lambda part: part, list(range(64)), 1)) + _reader().submit(int, 1).result()

assert read() == 2017
child = os.fork()
if not child:
    signal.alarm(20)
    os._exit(read() != 2017)
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.on_tensorflow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no process is forked")
def test_a_forked_process_reads_in_threads_of_its_own():
    """As the workers of torch's DataLoader: the pools' threads are the parent's."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", FORKED], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
