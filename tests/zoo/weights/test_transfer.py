"""Weights for another number of classes, for a twin and for other images; features in place of classes."""

import h5py
import keras
import numpy as np
import pytest

import zoo
from zoo import layers
from zoo.weights import pretrained

HEAD = "layers/dense/"  # the only Dense layer of resnet20_cfnn
SMALL = {
    "resnet20_cfnn": {"depth": 8, "samples": 3},
    "resnet20_dropout": {"depth": 8},
    "hypernet_cfnn": {"depth": 2, "embedding_dim": 8, "samples": 3},
    "conv6_edge_popup": {"width": 0.1},
    "resnet18": {"width": 0.125},
}


def images(shape=(8, 8, 1), n=3):
    return np.random.default_rng(0).integers(0, 256, (n, *shape)).astype("uint8")


def stored(path):
    """Arrays of a weights file by their names, without the states of coins."""
    found = {}

    def keep(name, item):
        if isinstance(item, h5py.Dataset) and "seed_state" not in name:
            found[name] = item[()]

    with h5py.File(path) as file:
        file.visititems(keep)
    return found


def assert_all_but_the_head(model, file, tmp_path, head=HEAD):
    """Each tensor of a model is that of the file, by its name there, but for the head's."""
    zoo.save_weights(model, tmp_path / "taken.weights.h5")
    taken, before = stored(tmp_path / "taken.weights.h5"), stored(file)
    assert taken.keys() == before.keys()
    for name, value in taken.items():
        if name.startswith(head):
            assert value.shape != before[name].shape
        else:
            np.testing.assert_array_equal(value, before[name], err_msg=name)
    return taken


def output(model, x):
    return keras.ops.convert_to_numpy(model(x, training=False))


def test_other_classes_take_all_but_the_head_and_say_so(tmp_path):
    with pytest.warns(UserWarning, match=r"the head of 10 classes of 'resnet20_cfnn' is not taken. That of 3 classes"):
        model = zoo.build("resnet20_cfnn", weights="digits", classes=3, seed=5)
    taken = assert_all_but_the_head(model, pretrained.folder() / "resnet20_cfnn-digits/model.weights.h5", tmp_path)
    fresh = zoo.build("resnet20_cfnn", input_shape=(8, 8, 1), classes=3, seed=5)
    np.testing.assert_array_equal(taken[f"{HEAD}vars/0"], keras.ops.convert_to_numpy(fresh.layers[-2].kernel))


def kernel(model):
    return keras.ops.convert_to_numpy(model.layers[-2].kernel)


@pytest.mark.parametrize("names", ["abcdefghij", "1023456789"])
def test_as_many_other_classes_or_in_another_order_take_all_but_the_head(names):
    """Of the digits' weights, whose classes are "0" to "9"."""
    differs = f"whose class 0 is '0' and not '{names[0]}', is not taken"
    with pytest.warns(UserWarning, match=f"of 'resnet20_cfnn': the head of 10 classes of 'resnet20_cfnn', {differs}"):
        model = zoo.build("resnet20_cfnn", weights="digits", class_names=list(names), seed=5)
    fresh = zoo.build("resnet20_cfnn", input_shape=(8, 8, 1), seed=5)
    trained = zoo.build("resnet20_cfnn", weights="digits")
    np.testing.assert_array_equal(kernel(model), kernel(fresh))
    for one, other in zip(model.layers[:-2], trained.layers[:-2], strict=True):
        for a, b in zip(one.weights, other.weights, strict=True):
            if "seed" not in a.path:
                np.testing.assert_array_equal(keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b))


def test_the_same_classes_take_the_head_without_a_word(recwarn):
    trained = zoo.build("resnet20_cfnn", weights="digits")
    for names in (list("0123456789"), list("0123"), None):
        given = {"classes": 10} if names and len(names) < 10 else {}
        model = zoo.build("resnet20_cfnn", weights="digits", class_names=names, **given)
        np.testing.assert_array_equal(kernel(model), kernel(trained))
    assert not [one for one in recwarn.list if "is not taken" in str(one.message)]


def test_names_of_classes_are_their_number():
    assert zoo.build("resnet20_cfnn", depth=8, class_names=["a", "b", "c"]).output_shape == (None, 3)
    for options, message in (
        ({"class_names": ["a", "a"]}, "`class_names` must be None or different texts"),
        ({"class_names": ["a", "b", "c"], "classes": 2}, "`classes` must be at least the number of class_names, 3. R"),
    ):
        with pytest.raises(ValueError, match=message):
            zoo.build("resnet20_cfnn", **options)
    with pytest.raises(ValueError, match="`class_names` must be None, as 'ball_cfnn' has no option classes"):
        zoo.build("ball_cfnn", class_names=["a", "b"])


@pytest.mark.on_tensorflow
@pytest.mark.parametrize("name", ["resnet20_cfnn", "hypernet_cfnn", "conv6_edge_popup"])
def test_a_file_of_other_classes_by_its_path(name, tmp_path):
    options = {"input_shape": (8, 8, 1), **SMALL[name]}
    path = tmp_path / "mine.weights.h5"
    trained = zoo.build(name, classes=7, seed=1, **options)
    zoo.save_weights(trained, path)
    with pytest.warns(UserWarning, match=r"mine.weights.h5: the head of 7 classes .* is not taken. That of 4 classes"):
        model = zoo.build(name, weights=path, classes=4, seed=2, **options)
    if name == "resnet20_cfnn":
        assert_all_but_the_head(model, path, tmp_path)
    features = [zoo.build(name, weights=path, classes=n, include_top=False, coins=False, **options) for n in (4, 7)]
    np.testing.assert_array_equal(output(features[0], images()), output(features[1], images()))
    with pytest.raises(ValueError, match="another configuration"):
        zoo.build(name, weights=path, classes=4, **{**options, "input_shape": (8, 8, 2)})


@pytest.mark.on_tensorflow
def test_a_supermask_of_other_classes(tmp_path):
    options = {"width": 0.1, "input_shape": (8, 8, 1), "seed": 3}
    masked = zoo.build("conv6_iterand", classes=6, **options)
    zoo.save_supermask(masked, tmp_path / "a.supermask")
    with pytest.warns(UserWarning, match="head of 6 classes"):
        model = zoo.build("conv6_edge_popup", weights=tmp_path / "a.supermask", classes=3, **options)
    for one, other in zip(zoo.fold(masked).layers[:-2], zoo.fold(model).layers[:-2], strict=True):
        for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.on_tensorflow
def test_the_plain_twin_gives_the_coins_off_outputs_to_the_bit(tmp_path):
    model = zoo.build("resnet20_cfnn", weights="digits")
    x = images(n=5)
    expected = output(zoo.amplify(model, 1, "expected"), x)
    np.testing.assert_array_equal(output(zoo.build("resnet20_dropout", weights="digits"), x), expected)
    path = tmp_path / "twin.weights.h5"
    zoo.save_weights(zoo.build("resnet20_dropout", weights="resnet20_cfnn:digits"), path)
    back = zoo.build("resnet20_cfnn", weights=path, input_shape=(8, 8, 1), samples=3)
    np.testing.assert_array_equal(output(zoo.amplify(back, 1, "expected"), x), expected)
    assert "- `resnet20_cfnn:digits`: " in zoo.card("resnet20_dropout")


@pytest.mark.on_tensorflow
def test_hypernetwork_and_plain_twin_share_the_embedding(tmp_path):
    with pytest.warns(UserWarning, match=r"of 'hypernet_cfnn': the head of 10 classes of 'hypernet_cfnn' is not taken"):
        plain = zoo.build("hypernet_deterministic", weights="hypernet_cfnn:cifar10", seed=0)
    cfnn = zoo.build("hypernet_cfnn", weights="cifar10")
    x = images((32, 32, 3))
    wanted, found = (output(keras.Model(m.input, m.get_layer("embedding").output), x) for m in (cfnn, plain))
    np.testing.assert_array_equal(found, wanted)
    own = zoo.build("hypernet_deterministic", weights="cifar10")  # its own weights of that name
    assert (output(own, x) != output(plain, x)).any()


@pytest.mark.on_tensorflow
def test_masked_twins_take_each_other_s_weights(tmp_path):
    x = images((32, 32, 3))
    model = zoo.build("conv6_iterand", weights="conv6_edge_popup:cifar10_w0.25")
    np.testing.assert_array_equal(output(model, x), output(zoo.build("conv6_edge_popup", weights="cifar10_w0.25"), x))


@pytest.mark.parametrize("name", SMALL)
def test_features_are_what_the_head_takes(name, tmp_path):
    """Per flip with equal seeds, and without coins those of the model with its coins off."""
    options = {"input_shape": (8, 8, 1), "seed": 4, **SMALL[name]}
    x, samples = images(), SMALL[name].get("samples", 1) if name == "resnet20_cfnn" else 1

    def before_the_head(model):
        taken = model.get_layer("logits").input
        return keras.Model(model.input, taken[0] if isinstance(taken, list) else taken)

    wanted = output(before_the_head(zoo.build(name, **options)), x)
    model = zoo.build(name, include_top=False, **options)
    found = output(model, x)
    assert model.name == name
    assert found.shape == (len(x) * samples, model.output_shape[-1])
    np.testing.assert_array_equal(found, wanted)
    plain = zoo.build(name, include_top=False, coins=False, **options)
    whole = zoo.build(name, **options)
    if samples > 1:
        assert (found[0] != found[1]).any()
        whole = zoo.build("resnet20_dropout", depth=8, input_shape=(8, 8, 1), seed=4)  # the same seeds, coins off
    np.testing.assert_array_equal(output(plain, x), output(before_the_head(whole), x))
    np.testing.assert_array_equal(output(plain, x), output(plain, x))
    assert output(plain, x).shape == (len(x), model.output_shape[-1])


@pytest.mark.on_tensorflow
def test_a_head_of_one_s_own_votes_and_is_amplified():
    base = zoo.build("resnet20_cfnn", weights="digits", include_top=False, samples=3, seed=0)
    mine = keras.Model(base.input, layers.MajorityVote(3)(keras.layers.Dense(2)(base.output)))
    x = images(n=2)
    assert set(np.round(output(zoo.amplify(mine, 5), x) * 5, 4).ravel()) <= set(range(6))
    features = output(zoo.build("resnet20_cfnn", weights="digits", include_top=False, coins=False), x)
    logits = features @ mine.layers[-2].get_weights()[0]
    wanted = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(output(zoo.amplify(mine, 1, "expected"), x), wanted, rtol=1e-4)


@pytest.mark.on_tensorflow
def test_other_images_where_no_layer_depends_on_their_size(tmp_path):
    file = pretrained.folder() / "resnet20_cfnn-digits/model.weights.h5"
    model = zoo.build("resnet20_cfnn", weights="digits", input_shape=(12, 10, 1))
    zoo.save_weights(model, tmp_path / "taken.weights.h5")
    taken, before = stored(tmp_path / "taken.weights.h5"), stored(file)
    for name, value in taken.items():
        np.testing.assert_array_equal(value, before[name])
    assert model.input_shape == (None, 12, 10, 1)
    with pytest.raises(ValueError, match=r"conv6_iterand': .* depend on the images' size: .*input_shape=\(32, 32, 3\)"):
        zoo.build("conv6_iterand", weights="cifar10_w0.25", input_shape=(16, 16, 3))
    with pytest.raises(ValueError, match=r"need images of 1 channels"):
        zoo.build("resnet20_cfnn", weights="digits", input_shape=(8, 8, 3))


@pytest.mark.on_tensorflow
def test_masked_and_trained_kernels_are_not_each_other_s(tmp_path):
    options = {"width": 0.1, "input_shape": (8, 8, 1)}
    zoo.save_supermask(zoo.build("conv6_iterand", **options), tmp_path / "a.supermask")
    for weights in (tmp_path / "a.supermask", "conv6_edge_popup:cifar10_w0.25"):
        given = {} if isinstance(weights, str) else options
        with pytest.raises(ValueError, match=r"do not fit 'conv6': kernels that stay random .* zoo.fold"):
            zoo.build("conv6", weights=weights, **given)


@pytest.mark.on_tensorflow
@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("ball_cfnn", {"include_top": False}, r"`include_top` must be True but for models of images"),
        ("resnet20_cfnn", {"coins": False}, r"`coins` must be True unless include_top=False: zoo.amplify"),
        ("resnet20_cfnn", {"include_top": 0}, r"`include_top` must be"),
        ("resnet20_cfnn", {"weights": "conv6_iterand:cifar10_w0.25"}, r"do not fit 'resnet20_cfnn'"),
        (
            "resnet20_cfnn",
            {"weights": "digits", "depth": 8},
            r"'resnet20_cfnn' do not fit: they need depth=20. Received: depth=8$",
        ),
    ],
)
def test_refusals(name, options, message):
    with pytest.raises(ValueError, match=message):
        zoo.build(name, **options)
