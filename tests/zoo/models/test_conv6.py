"""Conv6 and the ResNets of random weights against the tables of the paper (appendix B)."""

import itertools
import math

import keras
import numpy as np
import pytest

import zoo
from zoo.layers.score_masked import ScoreMasked, masked_layers


def kernels(model):
    """Shape of every kernel, in the model's order."""
    return [tuple(layer.kernel.shape) for layer in model.layers if hasattr(layer, "kernel")]


def size(model):
    return sum(math.prod(shape) for shape in kernels(model))


@pytest.mark.parametrize("name", zoo.list_models("conv6*"))
def test_conv6_layer_by_layer(name):
    channels = [3, 64, 64, 128, 128, 256, 256]
    convolutions = [(3, 3, a, b) for a, b in itertools.pairwise(channels)]
    assert kernels(zoo.build(name, seed=0)) == [*convolutions, (4096, 256), (256, 256), (256, 10)]
    assert size(zoo.build(name, seed=0)) == 2_261_184
    quarter = [3, 16, 16, 32, 32, 64, 64]
    convolutions = [(3, 3, a, b) for a, b in itertools.pairwise(quarter)]
    assert kernels(zoo.build(name, width=0.25, seed=0)) == [*convolutions, (1024, 64), (64, 64), (64, 10)]


@pytest.mark.parametrize(("blocks", "depth"), [((2, 2, 2, 2), 18), ((3, 4, 6, 3), 34)])
@pytest.mark.parametrize("width", [0.5, 1.0])
def test_basic_resnet_layer_by_layer(blocks, depth, width):
    model = zoo.build(f"resnet{depth}_iterand", width=width, seed=0)
    expected, before = [(3, 3, 3, 64)], 64  # the stem keeps 64 channels for every width
    for stage, count in enumerate(blocks):
        filters = int(64 * 2**stage * width)
        for _ in range(count):
            expected += [(3, 3, before, filters), (3, 3, filters, filters)]
            if before != filters:
                expected.append((1, 1, before, filters))
            before = filters
    assert sorted(kernels(model)) == sorted([*expected, (before, 10)])
    assert len(masked_layers(model)) == len(kernels(model))  # stem, shortcuts and the last layer are masked too


@pytest.mark.parametrize(
    ("depth", "millions"),  # Table 4; weights of the linear layer are not counted there
    [(18, 11.16), (34, 21.26), (50, 7.04 / 0.3), (101, 12.72 / 0.3)],
)
def test_imagenet_weights(depth, millions):
    model = zoo.build(f"resnet{depth}", input_shape=(224, 224, 3), classes=1000, seed=0)
    last = math.prod(kernels(model)[-1])
    assert kernels(model)[0] == (7, 7, 3, 64)
    assert (size(model) - last) / 1e6 == pytest.approx(millions, abs=0.02)


def test_imagenet_stem_and_strides():
    model = zoo.build("resnet50_edge_popup", input_shape=(224, 224, 3), classes=1000, width=0.125, seed=0)
    sizes = [layer.output.shape[1] for layer in model.layers if isinstance(layer, keras.layers.Add)]
    assert sizes == [56] * 3 + [28] * 4 + [14] * 6 + [7] * 3
    assert model.output_shape == (None, 1000)


def test_small_images_keep_their_size_in_the_first_stage():
    model = zoo.build("resnet18", width=0.125, seed=0)
    sizes = [layer.output.shape[1] for layer in model.layers if isinstance(layer, keras.layers.Add)]
    assert sizes == [32, 32, 16, 16, 8, 8, 4, 4]


@pytest.mark.parametrize("name", ["conv6_iterand", "resnet18_edge_popup"])
def test_masked_models_train_scores_alone(name):
    model = zoo.build(name, width=0.125, seed=0)
    assert {weight.name for weight in model.trainable_weights} == {"scores"}
    normalizations = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert all((n.momentum, n.epsilon, n.center, n.scale) == (0.9, 1e-5, False, False) for n in normalizations)
    assert bool(normalizations) == ("resnet" in name)


def test_options_reach_every_masked_layer():
    options = {"sparsity": 0.7, "kernel_initializer": "kaiming_uniform", "score_transform": "abs", "weight_decay": 1e-2}
    model = zoo.build("resnet18_edge_popup", width=0.125, seed=0, **options)
    for layer in masked_layers(model):
        assert (layer.sparsity, layer.score_transform) == (0.7, "abs")
        assert type(layer.kernel_initializer).__name__ == "KaimingUniform"
        assert layer.score_regularizer.l2 == pytest.approx(5e-3)  # half: its gradient is the decay times the score
    assert len({layer.seed for layer in masked_layers(model)}) == len(masked_layers(model))


def test_variance_is_kept_through_the_layers_of_a_random_dense_network():
    """KU has the ReLU gain: the mean square of what a convolution gives stays near that of its input."""
    model = zoo.build("conv6", seed=0)
    x = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype("uint8")
    inner = keras.Model(model.input, [layer.output for layer in model.layers if isinstance(layer, keras.layers.Conv2D)])
    squares = [float(np.mean(np.square(y))) for y in inner.predict(x, verbose=0)]
    assert 0.2 < squares[5] / squares[0] < 20


@pytest.mark.parametrize("name", ["conv6", "conv6_iterand", "resnet18", "resnet50_iterand"])
@pytest.mark.parametrize("width", [0, -1, 1e-3, float("nan"), float("inf"), "a", None])
def test_width_without_channels_is_refused(name, width):
    with pytest.raises(ValueError, match="`width`"):
        zoo.build(name, width=width)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("sparsity", 1.0),
        ("sparsity", -0.1),
        ("score_transform", "square"),
        ("weight_decay", -1.0),
        ("weight_decay", "x"),
        ("classes", 1),
        ("input_shape", None),
    ],
)
def test_bad_options(option, value):
    with pytest.raises(ValueError, match=f"`{option}`"):
        zoo.build("conv6_edge_popup", **{option: value})


def test_a_masked_layer_is_no_layer_of_a_dense_model():
    assert not any(isinstance(layer, ScoreMasked) for layer in zoo.build("resnet18", width=0.125).layers)
