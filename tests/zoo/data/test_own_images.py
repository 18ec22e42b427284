"""One's own images: which forms `load` takes, what is held out of them, what they are called, and every refusal."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tiny
from pictures import CLASSES, write_pictures
from PIL import Image

from zoo.data.datasets import load
from zoo.data.split import Split

pytestmark = pytest.mark.backend_free
COUNTS = {"cat": 20, "dog": 10, "eel": 5}


def write(path, number, size=(6, 4)):
    """An image of `(height, width)` whose first pixel is its number."""
    pixels = np.full((*size, 3), 7, np.uint8)
    pixels[0, 0] = number
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def numbers(split):
    """Which image each of the examples is."""
    return [int(image[0, 0, 0]) for image in split.x[:]] if len(split.y) else []


def flat(root, counts=COUNTS, first=0):
    """A folder per class; returns the label of every number."""
    labels = {}
    for label, (name, count) in enumerate(counts.items()):
        for _ in range(count):
            number = first + len(labels)
            write(root / name / f"{number:03}.png", number)
            labels[number] = label
    return labels


def nested(root, *parts):
    for index, part in enumerate(parts):
        flat(root / part, {"cat": 4, "dog": 4}, first=20 * index)
    return root


# Folders


def test_flat_classes_are_divided_by_the_seed_each_class_its_share(tmp_path):
    labels = flat(tmp_path)
    data = load(tmp_path, test=0.2, validation=7, seed=3)
    assert [len(split.y) for split in data] == [21, 7, 7]
    seen = [number for split in data for number in numbers(split)]
    assert sorted(seen) == sorted(labels)
    for split in data:
        assert [labels[number] for number in numbers(split)] == split.y.tolist()
        assert split.class_names == data.class_names == ("cat", "dog", "eel")
    np.testing.assert_array_equal(np.bincount(data.test.y), [4, 2, 1])
    again = load(tmp_path, test=0.2, validation=7, seed=3)
    assert [numbers(split) for split in again] == [numbers(split) for split in data]
    others = [load(tmp_path, test=0.2, validation=7, seed=seed) for seed in range(5)]
    assert len({tuple(numbers(other.test)) for other in others}) == 5


@pytest.mark.parametrize(("share", "held"), [(None, 4), (0, 0), (1, 1), (0.5, 18), (34, 34), (0.001, 1)])
def test_how_much_is_held_out_for_testing(tmp_path, share, held):
    flat(tmp_path)
    data = load(tmp_path, test=share, validation=0)
    assert [len(split.y) for split in data] == [35 - held, 0, held]
    wanted = np.array(list(COUNTS.values())) * held / 35
    assert (np.abs(np.bincount(data.test.y, minlength=3) - wanted) <= 1).all()


@pytest.mark.parametrize("share", [-1, 1.0, True, "5", float("nan"), 35])
def test_bad_shares(tmp_path, share):
    flat(tmp_path)
    with pytest.raises(ValueError, match=r"`test` must be .* Received: test="):
        load(tmp_path, test=share)


@pytest.mark.parametrize("val", ["val", "validation"])
def test_three_folders_are_the_three_splits(tmp_path, val):
    data = load(nested(tmp_path, "train", val, "test"), validation=3, test=2, seed=9)
    assert [numbers(split) for split in data] == [[*range(8)], [*range(20, 28)], [*range(40, 48)]]


def test_without_a_test_folder_val_is_the_test_split_and_that_is_said(tmp_path):
    nested(tmp_path, "train", "val")
    with pytest.warns(UserWarning, match=r"has no test split: its validation examples are the test split") as warned:
        data = load(tmp_path, validation=2)
    assert warned[0].filename == __file__
    assert numbers(data.test) == [*range(20, 28)]
    assert sorted(numbers(data.train) + numbers(data.val)) == [*range(8)]
    assert len(data.val.y) == 2


def test_without_val_or_both_the_rest_is_held_out(tmp_path):
    data = load(nested(tmp_path / "a", "train", "test"), validation=2)
    assert [len(split.y) for split in data] == [6, 2, 8]
    data = load(nested(tmp_path / "b", "train"), validation=2, test=2)
    assert [len(split.y) for split in data] == [4, 2, 2]
    with pytest.raises(ValueError, match=r"must hold val or validation. Received: both"):
        load(nested(tmp_path / "c", "train", "val", "validation"))


def test_class_names_order_folders(tmp_path):
    labels = flat(tmp_path)
    data = load(tmp_path, class_names=["eel", "cat", "dog"], validation=0)
    assert data.class_names == ("eel", "cat", "dog")
    assert [(labels[number] + 1) % 3 for number in numbers(data.train)] == data.train.y.tolist()
    with pytest.raises(ValueError, match=r"a folder for each of `class_names`. Received: .* only: ant, eel"):
        load(tmp_path, class_names=["ant", "cat", "dog"])


@pytest.mark.parametrize("names", [[], "cat", ["a", "a"], [1, 2], {"a": 1}, 3])
def test_bad_class_names(names):
    with pytest.raises(ValueError, match=r"`class_names` must be None or different texts. Received: class_names="):
        load("digits", class_names=names)


def test_a_class_without_images_and_no_images_at_all(tmp_path):
    (tmp_path / "cat").mkdir()
    with pytest.raises(ValueError, match=r"'.*cat' must hold at least one image"):
        load(tmp_path)
    write(tmp_path / "cat" / "0.png", 0)
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog" / "a.txt").write_text("no image")
    with pytest.raises(ValueError, match=r"'.*dog' must hold at least one image"):
        load(tmp_path)


# Sizes


def test_the_images_own_size_if_it_is_one(tmp_path):
    flat(tmp_path)
    data = load(tmp_path, validation=0)
    assert data.input_shape == (6, 4, 3)
    write(tmp_path / "dog" / "zz.png", 0, (4, 6))
    message = r"`image_size` must be given .* image_size=4. Received: None, of '.*' of 6x4 .* and '.*zz.png' of 4x6"
    with pytest.raises(ValueError, match=message):
        load(tmp_path)
    assert load(tmp_path, image_size=(5, 9)).input_shape == (5, 9, 3)
    (tmp_path / "cat" / "000.png").write_bytes(b"text")
    with pytest.raises(ValueError, match=r"'.*000.png' must hold an undamaged image .* begin with b'text'"):
        load(tmp_path)
    (tmp_path / "dog" / "zz.png").unlink()
    with pytest.warns(UserWarning, match=r"1 of \d+ .* images cannot be read and are left out: '.*000.png'") as warned:
        assert load(tmp_path, damaged="skip").input_shape == (6, 4, 3)
    assert warned[0].filename == __file__


def test_arrays_are_resized_too():
    data = load("digits", image_size=(16, 12), validation=0)
    assert data.input_shape == (16, 12, 1)
    assert data.train.x.dtype == np.uint8
    assert load("digits", image_size=8).train.x.tobytes() == load("digits").train.x.tobytes()
    with pytest.raises(ValueError, match="`resize` must be 'stretch' or 'crop' for images in memory"):
        load("digits", image_size=16, resize="imagenet")
    with pytest.raises(ValueError, match=r"must let all images fit into half of this machine's memory. .*\(900000, 9"):
        load("digits", image_size=900_000)
    with pytest.raises(ValueError, match=r"`resize` must be one of 'stretch', .* Received: resize='squash'"):
        load("digits", resize="squash")


# Tables


def table(folder, text, encoding="utf-8"):
    (folder / "t").mkdir(exist_ok=True)
    path = folder / "t" / "table.CSV"
    path.write_text(text, encoding=encoding)
    for number in range(6):
        write(folder / "t" / "images" / f"{number}.png", number)
    return path


ROWS = ["images/5.png,bee,train", "images/0.png,ant,Test", '"images/1.png", bee ,val', "images/2.png,ant,validation"]


def test_a_table_has_files_labels_and_splits(tmp_path, monkeypatch):
    text = "\n".join(["file,label,split,note", *(f"{row},x" for row in ROWS), f"{tmp_path}/t/images/3.png,ant,train,"])
    path = table(tmp_path, text, "utf-8-sig")
    data = load(path)
    assert [numbers(split) for split in data] == [[5, 3], [1, 2], [0]]
    assert [split.y.tolist() for split in data] == [[1, 0], [1, 0], [0]]
    assert data.class_names == ("ant", "bee")
    assert data.classes == 2
    monkeypatch.chdir(tmp_path)
    assert numbers(load("t/table.CSV").train) == [5, 3]
    named = load(path, class_names=["cow", "bee", "ant"])
    assert named.train.y.tolist() == [1, 2]
    assert named.classes == 3


def test_a_table_without_splits_is_divided(tmp_path):
    rows = [f"images/{number}.png,{number % 2}" for number in range(6)]
    data = load(table(tmp_path, "\n".join(["file,label", *rows])), test=2, validation=1)
    assert [len(split.y) for split in data] == [3, 1, 2]
    assert data.class_names is None
    assert sorted(data.test.y) == [0, 1]
    for split in data:
        assert [number % 2 for number in numbers(split)] == split.y.tolist()
    assert load(tmp_path / "t" / "table.CSV", class_names=["even", "odd"]).class_names == ("even", "odd")
    # Digits that are the names of classes are names.
    assert load(tmp_path / "t" / "table.CSV", class_names=["1", "0"], test=0, validation=0).train.y.tolist() == [
        *[1, 0] * 3
    ]


def test_a_table_with_val_and_no_test_says_what_it_does(tmp_path):
    rows = "file,label,split\nimages/0.png,a,train\nimages/1.png,b,train\nimages/2.png,a,val\n"
    with pytest.warns(UserWarning, match="has no test split"):
        data = load(table(tmp_path, rows))
    assert numbers(data.test) == [2]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", ValueError, "must have the columns file and label. Received: columns $"),
        ("path,label\na,b", ValueError, "must have the columns file and label. Received: columns path, label"),
        ("file,class\na,b", ValueError, "must have the columns file and label. Received: columns file, class"),
        ("file,label\n", ValueError, "must have at least one row"),
        ("file,label\nimages/0.png,a\nimages/9.png,b", FileNotFoundError, "`file` in line 3 of .* Received: 'images/9"),
        ("file,label\nimages/0.png,", ValueError, "`label` in line 2 of .* must be there. Received: 'nothing'"),
        ("file,label\nimages/0.png", ValueError, "`label` in line 2 of .* must be there"),
        ("file,label\n,a", ValueError, "`file` in line 2 of .* must be there"),
        (
            "file,label,split\nimages/0.png,a,dev",
            ValueError,
            "`split` in line 2 .* must be train, .* Received: 'dev'",
        ),
        ("file,label,split\nimages/0.png,a,test", ValueError, "`split` in .* must be train in at least one line"),
        (
            "file,label,split\nimages/0.png,a,train\nimages/../images/0.png,a,test",
            ValueError,
            "`split` in line 3 .* must be train, as in line 2 of this file. Received: 'test'",
        ),
        (
            "file,label\nimages/0.png,a\nimages/1.png,b\nimages/../images/0.png,a",
            ValueError,
            "`file` in line 4 .* another one than in line 2: .* Received: 'images/../images/0.png'",
        ),
        (
            "file,label,split\nimages/0.png,a,train\nimages/0.png,a,train\nimages/1.png,b,test",
            ValueError,
            "`file` in line 3 .* another one than in line 2",
        ),
        (
            "file,label,split\nimages/0.png,a,train\nimages/1.png,b,val\nimages/2.png,b,test\nimages/0.png,b,train",
            ValueError,
            "`label` in line 5 .* must be 'a', as in line 2 of this file. Received: 'b'",
        ),
        ("file,label\nimages/0.png," + "9" * 30, ValueError, r"`label` in line 2 of .* must be below 10\*\*18"),
    ],
)
def test_bad_tables(tmp_path, text, error, message):
    with pytest.raises(error, match=message):
        load(table(tmp_path, text))


def test_labels_that_are_no_class_and_tables_that_are_none(tmp_path):
    path = table(tmp_path, "file,label\nimages/0.png,ant\nimages/1.png,bee")
    with pytest.raises(ValueError, match=r"`label` in line 3 .* one of class_names, 'ant', 'cow'. Received: 'bee'"):
        load(path, class_names=["ant", "cow"])
    path = table(tmp_path, "file,label\nimages/0.png,0\nimages/1.png,2")
    with pytest.raises(ValueError, match=r"`class_names` must have a name for every label, from 0 to 2. Received: 2"):
        load(path, class_names=["ant", "cow"], test=0, validation=0)
    path.write_bytes(b"file,label\n\xff\xfe,3")
    with pytest.raises(ValueError, match="must be a table in UTF-8"):
        load(path)
    with pytest.raises(FileNotFoundError, match=r"existing .csv file"):
        load(tmp_path / "none.csv")


# Arrays


def test_texts_in_an_npz_are_classes(tmp_path):
    x = np.zeros((4, 2, 2, 1), np.uint8)
    y = np.array(["dog", "cat", "dog", "eel"])
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x[:1], y_test=y[1:2])
    data = load(tmp_path / "a.npz", validation=0)
    assert data.class_names == ("cat", "dog", "eel")
    assert (data.train.y.tolist(), data.test.y.tolist()) == ([1, 0, 1, 2], [0])
    digits = np.array(["1", "01", "2", "2"])  # as Python writes no number
    np.savez(tmp_path / "a.npz", x_train=x, y_train=digits, x_test=x[:1], y_test=digits[2:3])
    assert load(tmp_path / "a.npz", validation=0).class_names == ("01", "1", "2")
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x[:1], y_test=np.array(["fox"]))
    with pytest.raises(ValueError, match=r"`y_test`\[0\] in .* must be one of class_names, 'cat', .* Received: 'fox'"):
        load(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("train", "test", "names", "message"),
    [
        (["1", "2", "3", "1"], ["1", "0"], ("1", "2", "3"), r"`y_test`\[1\] .* one of class_names.* Received: '0'"),
        ([0, 1, 2, 0], ["dog", "emu"], None, "`y_test` in .* must be integers, as y_train is"),
        (["0", "1", "2", "0"], ["dog", "1"], None, r"`y_test`\[0\] in .* must be one of class_names"),
        (["cat", "dog", "eel", "cat"], ["0", "1"], None, r"`y_test`\[0\] in .* must be one of class_names"),
        (["cat", "dog", "eel", "cat"], [0, 1], None, "`y_test` in .* must be texts, as y_train is"),
    ],
)
def test_a_label_means_the_same_in_every_split_of_an_npz(tmp_path, train, test, names, message):
    x = np.zeros((4, 2, 2, 1), np.uint8)
    np.savez(tmp_path / "a.npz", x_train=x, y_train=np.array(train), x_test=x[:2], y_test=np.array(test))
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "a.npz", class_names=names)


def test_prepared_sets_have_a_file_of_names_and_numbers_none(tmp_path):
    from zoo.data.tfds import _class_names

    assert _class_names(tmp_path) is None
    (tmp_path / "label.labels.txt").write_text("cat\ndog\n")
    assert _class_names(tmp_path) == ("cat", "dog")
    assert load("digits").class_names is None
    assert load("digits", class_names=list("abcdefghij")).val.class_names == tuple("abcdefghij")
    assert load(tiny.write_npz(tmp_path / "a.npz")).class_names is None
    write_pictures(tmp_path / "pictures")
    assert load(tmp_path / "pictures", image_size=8).class_names == CLASSES


def test_a_split_unpacks_as_a_pair():
    split = Split(np.zeros((2, 1, 1, 1)), np.arange(2), ("a", "b"))
    x, y = split
    assert (x is split.x, y is split.y, split.class_names) == (True, True, ("a", "b"))
    assert Split(x, y).class_names is None


# tf.data


def dataset(x, y):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((x, y))


X = np.arange(6 * 4 * 4 * 3).reshape(6, 4, 4, 3) % 256
Y = np.array([0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize("batch", [None, 1, 4])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "int64", "float64"])
def test_a_tf_dataset_is_read_in_its_order(batch, dtype):
    source = dataset(X.astype(dtype), Y)
    data = load(source if batch is None else source.batch(batch), test=0, validation=0)
    np.testing.assert_array_equal(data.train.x, X)
    assert data.train.x.dtype == ("float32" if dtype.startswith("float") else "uint8")
    np.testing.assert_array_equal(data.train.y, Y)
    held = load(source, test=3, validation=1)
    assert [len(split.y) for split in held] == [2, 1, 3]
    assert sorted(held.test.y) == [0, 1, 2]


def test_a_tf_dataset_of_texts_greys_and_other_sizes():
    names = np.array(["b", "a", "c"])[Y]
    data = load(dataset(X[..., 0].astype("uint8"), names), test=0, validation=0, image_size=(8, 4))
    assert data.train.x.shape == (6, 8, 4, 1)
    assert data.class_names == ("a", "b", "c")
    assert data.train.y.tolist() == [1, 0, 2, 1, 0, 2]
    with pytest.raises(ValueError, match=r"Label 2 of `name` must be one of class_names, 'a', 'b'. Received: 'c'"):
        load(dataset(X.astype("uint8"), names), class_names=["a", "b"])


def test_kerass_own_data_set_keeps_its_names(tmp_path):
    import keras

    labels = flat(tmp_path)
    made = keras.utils.image_dataset_from_directory(tmp_path, image_size=(6, 4), verbose=False, batch_size=8, seed=1)
    data = load(made, test=0, validation=0)
    assert data.class_names == ("cat", "dog", "eel")
    assert [labels[number] for number in numbers(data.train)] == data.train.y.tolist()
    assert sorted(numbers(data.train)) == sorted(labels)


def test_bad_tf_datasets():
    import tensorflow as tf

    good = dataset(X.astype("uint8"), Y)
    sizes = tf.data.Dataset.from_generator(
        lambda: ((X[0, : 2 + i].astype("uint8"), i) for i in range(2)),
        output_signature=(tf.TensorSpec((None, None, 3), tf.uint8), tf.TensorSpec((), tf.int64)),
    )
    for bad, message in (
        (good.map(lambda x, y: x), r"must be a tf.data.Dataset of \(image, label\)"),
        (good.map(lambda x, y: {"image": x, "label": y}), "must be a tf.data.Dataset of"),
        (good.map(lambda x, y: (x, tf.one_hot(y, 3))).batch(2), "one-hot labels as their argmax"),
        (good.map(lambda x, y: (x[0, 0], y)), "must be a tf.data.Dataset of"),
        (good.map(lambda x, y: (x, tf.one_hot(y, 3, dtype=tf.int64))), "one-hot labels as their argmax"),
        (dataset(X[None].astype("uint8"), Y[None, :2]), "a label for each image. Received: .* images, 2 labels"),
        (good.repeat(), "that ends. Received: an endless one"),
        (good.take(0), "at least one example"),
        (good.map(lambda x, y: (x, y // (y * 0))), "must be a tf.data.Dataset that can be read"),
        (dataset(X / 255 - 1, Y), r"finite pixels in \[0, 255\]. Received: float64 of shape .* from -1"),
        (dataset(np.where(X == 5, np.nan, X), Y), "finite pixels"),
        (dataset(X.astype("uint8"), Y - 1), "ints >= 0 or texts. Received: int64 from -1"),
        (dataset(X.astype("uint8"), Y * 0.5), "ints >= 0 or texts"),
        (sizes, r"`image_size` must be given where images have several sizes. .* \(2, 4, 3\) and \(3, 4, 3\)"),
    ):
        with pytest.raises(ValueError, match=message):
            load(bad, test=0)
    assert load(sizes, image_size=4, test=0, validation=0).train.x.shape == (2, 4, 4, 3)


def test_no_form_imports_tensorflow(tmp_path):
    flat(tmp_path / "flat")
    path = table(tmp_path, "file,label\nimages/0.png,a\nimages/1.png,b")
    code = f"""if True:
        import sys, zoo
        zoo.data.load({str(tmp_path / "flat")!r}).train.x[:]
        zoo.data.load({str(path)!r}, test=0).train.x[:]
        print("tensorflow" in sys.modules)
        """
    pytest.importorskip("jax")
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.stdout.split() == ["False"], done.stderr
