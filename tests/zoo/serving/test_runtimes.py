"""Exports for other runtimes: the same votes for the same coins, the same law for the runtime's own."""

import importlib.util
import json
import subprocess
import sys

import keras
import numpy as np
import pytest

import zoo
from zoo.layers import Amplify, CoinFlipDropout, MajorityVote, NormalDraw, RandomInput
from zoo.layers.coin_bits import by_numbers
from zoo.serving.noise import Noise, draw, read_noise
from zoo.serving.plain_export import write_plain
from zoo.serving.runtimes import RUNTIMES

pytestmark = pytest.mark.on_tensorflow
INSTALLED = [
    pytest.param(name, marks=pytest.mark.skipif(not all(map(importlib.util.find_spec, one.packages)), reason="extra"))
    for name, one in RUNTIMES.items()
]
formats = pytest.mark.parametrize("format", INSTALLED)
X = np.random.default_rng(0).normal(size=(4, 6)).astype("float32")


def mixed_model():
    """Every law of noise in one model: coins of two rates, normal, uniform and categorical numbers; one Keras layer."""
    inputs = keras.Input((6,))
    x = Amplify(9)(keras.layers.Dense(8, kernel_initializer=keras.initializers.GlorotUniform(0))(inputs))
    x = CoinFlipDropout(0.3, seed=3)(CoinFlipDropout(0.5, seed=2)(x))
    kinds = enumerate(("uniform", "normal", "categorical"))
    drawn = [RandomInput(3, kind, seed=seed, without_flips="mean")(x) for seed, kind in kinds]
    x = keras.layers.Concatenate()([NormalDraw(gate=0.75, seed=4)(x), *drawn])
    logits = keras.layers.Dense(3, kernel_initializer=keras.initializers.GlorotUniform(1), name="logits")(x)
    return keras.Model(inputs, MajorityVote(9, name="ballots")(logits))


@pytest.fixture(scope="module")
def model():
    return mixed_model()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runtimes")


def by_hand(model, noise, x):
    """The model's votes in NumPy, for noise by the names of the layers."""
    kernel, bias = model.layers[1].get_weights()
    x = np.repeat(x @ kernel + bias, 9, axis=0)
    coins = [noise[name] for name in noise if "coin_flip_dropout" in name]
    for rate, kept in zip((0.5, 0.3), sorted(coins, key=np.mean), strict=True):
        x = np.where(kept, x / (1 - rate), 0)
    mean, deviation = np.split(x, 2, axis=1)
    (normal,) = [one for name, one in noise.items() if "normal_draw" in name and one.dtype != bool]
    (gate,) = [one for name, one in noise.items() if "normal_draw" in name and one.dtype == bool]
    inputs = {one.dtype.kind + str(bool((one < 0).any())): one for name, one in noise.items() if "random_input" in name}
    drawn = [inputs["fFalse"], inputs["fTrue"], np.eye(3)[inputs["iFalse"]]]
    kernel, bias = model.get_layer("logits").get_weights()
    logits = np.concatenate([gate * (mean + deviation * normal), *drawn], axis=1) @ kernel + bias
    return np.eye(3)[logits.reshape(-1, 9, 3).argmax(-1)].mean(1)


@formats
def test_the_same_coins_give_the_same_votes(format, model, folder):
    zoo.export(model, folder / f"{format}_input", format=format, coins="input", class_names=("a", "b", "c"))
    noise = read_noise(folder / f"{format}_input")
    assert {(one.law, one.dtype) for one in noise} == {
        ("bernoulli", "bool"),
        ("normal", "float32"),
        ("uniform", "float32"),
        ("integers", "int32"),
    }
    run = RUNTIMES[format].load(folder / f"{format}_input")
    for batch in (4, 2):
        drawn = draw(noise, batch, seed=batch)
        votes = run({"images": X[:batch], **drawn})["ballots"]
        np.testing.assert_array_equal(np.rint(votes * 9), np.rint(by_hand(model, drawn, X[:batch]) * 9))


@formats
def test_coins_off_are_the_model_s_means(format, model, folder):
    zoo.export(model, folder / f"{format}_off", format=format, coins="off")
    run = RUNTIMES[format].load(folder / f"{format}_off")
    with pytest.raises(FileNotFoundError, match=r'must be a folder of .*coins="input"\), this one has coins=.off'):
        read_noise(folder / f"{format}_off")
    expected = zoo.amplify(model, 1, "expected").predict(X, verbose=0)
    np.testing.assert_allclose(run({"images": X})["ballots"], expected, atol=1e-5)


_FRESH = """
import sys, numpy as np
from zoo.serving.runtimes import RUNTIMES
run = RUNTIMES[sys.argv[1]].load(__import__("pathlib").Path(sys.argv[2]))
x = np.ones((50, 1), "float32")
np.save(sys.argv[3], np.stack([run({"images": x})["draws"] for _ in range(40)]))
"""


@pytest.fixture(scope="module")
def draws_model():
    """Coins and numbers themselves, in pairs of one law and shape: what one operation for two would make equal."""
    inputs = keras.Input((1,))
    coins = [CoinFlipDropout(0.5, seed=seed)(inputs) for seed in range(2)]
    numbers = [RandomInput(1, kind, seed=seed)(inputs) for kind in ("uniform", "normal") for seed in range(2)]
    classes = RandomInput(3, "categorical", seed=5)(inputs)
    return keras.Model(inputs, keras.layers.Concatenate(name="draws")([*coins, *numbers, classes]))


@pytest.mark.parametrize("format", INSTALLED[1:])
def test_a_runtime_s_own_coins_follow_their_laws_and_are_new_in_every_process(format, draws_model, folder):
    zoo.export(draws_model, folder / f"{format}_live", format=format)
    seen = []
    for index in range(2):
        arguments = [format, str(folder / f"{format}_live"), str(folder / f"{format}{index}.npy")]
        subprocess.run([sys.executable, "-c", _FRESH, *arguments], check=True, capture_output=True)
        seen.append(np.load(folder / f"{format}{index}.npy"))
    assert (seen[0] != seen[1]).any(axis=(1, 2)).all()
    draws = np.concatenate(seen).reshape(-1, 9)
    n = len(draws)
    means = np.array([1, 1, 0.5, 0.5, 0, 0, 1 / 3, 1 / 3, 1 / 3])
    deviations = np.array([1, 1, 12**-0.5, 12**-0.5, 1, 1, *[(2 / 9) ** 0.5] * 3])
    assert (abs(draws.mean(0) - means) < 5 * deviations / n**0.5).all()
    np.testing.assert_allclose(draws.std(0), deviations, rtol=0.1)
    related = np.corrcoef(draws[:, :6].T) - np.eye(6)
    assert (abs(related) < 5 / n**0.5).all()
    one = draws.reshape(-1, 50, 9)[:, :, :6]
    assert (abs((one[1:] * one[:-1] - means[:6] ** 2).mean((0, 1))) < 10 * deviations[:6] / n**0.5).all()


def test_what_is_written_says_what_it_takes(model, folder):
    zoo.export(model, folder / "about", coins="input", class_names=("a", "b", "c"))
    about = json.loads((folder / "about/assets/model.json").read_text())
    assert about["inputs"] == [{"name": "images", "dtype": "float32", "shape": [None, 6]}]
    assert about["outputs"] == [{"name": "ballots", "dtype": "float32", "shape": [None, 3]}]
    assert (about["samples"], about["class_names"], about["coins"]) == (9, ["a", "b", "c"], "input")
    coin = next(one for one in about["noise"] if one["law"] == "bernoulli" and one["p"] == 0.5)
    assert coin == {**coin, "dtype": "bool", "shape": [9, 8], "times_batch": True}
    zoo.export(model, folder / "about", coins="input", overwrite=True)


def test_drawn_noise_follows_its_law():
    laws = [
        Noise("coin", "bool", (1000, 4), False, "bernoulli", p=0.25),
        Noise("class", "int32", (2000,), True, "integers", low=2, high=5),
        Noise("normal", "float32", (2000, 2), True, "normal"),
    ]
    drawn = draw(laws, 2, seed=0)
    assert {name: one.shape for name, one in drawn.items()} == {
        "coin": (1000, 4),
        "class": (4000,),
        "normal": (4000, 2),
    }
    assert abs(drawn["coin"].mean() - 0.25) < 5 * (0.25 * 0.75 / 4000) ** 0.5
    assert set(drawn["class"]) == {2, 3, 4}
    assert abs(drawn["normal"].mean()) < 5 / 8000**0.5
    assert abs(drawn["normal"].std() - 1) < 0.05


def test_bad_requests_are_one_error_and_nothing_is_written(model, tmp_path):
    plain = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    refused = [
        ({"format": "onx"}, r"Unknown format.* Did you mean 'onnx'\?"),
        ({"coins": "on"}, "`coins` must be one of 'live', 'off', 'input'"),
        ({"serving": True, "format": "onnx"}, "`serving` must be False unless"),
    ]
    for options, error in refused:
        with pytest.raises(ValueError, match=error):
            zoo.export(model, tmp_path / "model", **options)
    with pytest.raises(ValueError, match='`coins` must be "live" or "off" for a model without coins'):
        zoo.export(plain, tmp_path / "model", coins="input")
    with pytest.raises(ValueError, match=r"must be a folder to write model\.onnx to, not the file"):
        zoo.export(plain, tmp_path / "model.onnx", format="onnx")
    assert list(tmp_path.iterdir()) == []


def test_an_extra_that_is_not_installed_is_named(model, tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "tf2onnx" else found(name))
    with pytest.raises(ModuleNotFoundError, match=r"needs .*tf2onnx: pip install 'coinflip-zoo\[onnx\]'"):
        zoo.export(model, tmp_path / "model", format="onnx")


def test_a_draw_that_no_input_can_be_is_refused_with_what_works_instead(tmp_path):
    inputs = keras.Input((None, 3))
    model = keras.Model(inputs, CoinFlipDropout(0.5, noise_shape=(None, 1, None), seed=0)(inputs))

    class Truncated(zoo.layers.CoinLayer):
        def call(self, inputs, training=None):
            return inputs + keras.random.truncated_normal((1,), seed=self.generator(training))

    truncated = keras.Model(inputs, Truncated(seed=0)(inputs))
    with pytest.raises(ValueError, match=r'because it draws what cannot be described.*coins="live" is the nearest'):
        zoo.export(truncated, tmp_path / "model", coins="input")
    with pytest.raises(ValueError, match=r"""'onnx'.*'input'.*format="saved_model" with coins="live" is the nearest"""):
        write_plain(truncated, tmp_path / "model", "onnx", "input", None)
    assert list(tmp_path.iterdir()) == []
    zoo.export(model, tmp_path / "model", coins="input")  # one coin a row, whatever the length


@formats
def test_a_full_disk_is_one_line_and_leaves_nothing(format, tmp_path):
    """Files of more than 4 KiB cannot be written, as where a disk is full."""
    resource = pytest.importorskip("resource")
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(64)])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OSError, match=r"^`path` must be where .* can be written: .*path='.*model'$"):
            zoo.export(model, tmp_path / "model", coins="off", format=format)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [ImportError("libfoo.so is missing"), MemoryError("no memory"), OSError(28, "full")])
def test_what_is_no_fault_of_the_model_is_not_called_one(error, tmp_path, monkeypatch):
    def write(*_):
        raise error

    runtime = RUNTIMES["saved_model"]._replace(write=write)
    monkeypatch.setitem(RUNTIMES, "saved_model", runtime)
    model = zoo.build("ball_cfnn", seed=0)
    with pytest.raises(type(error), match=error.args[-1]):
        zoo.export(model, tmp_path / "model", coins="off")


def test_versions_are_counted_for_a_server(model, tmp_path):
    for _ in range(2):
        zoo.export(model, tmp_path / "mixed", coins="off", serving=True)
    assert sorted(one.name for one in (tmp_path / "mixed").iterdir()) == ["1", "2"]
    (tmp_path / "mixed/notes.txt").touch()
    with pytest.raises(FileExistsError, match="must be a folder of versions"):
        zoo.export(model, tmp_path / "mixed", coins="off", serving=True)


def test_coins_by_numbers_follow_the_same_law():
    layer = CoinFlipDropout(0.25, seed=0)
    with by_numbers():
        kept = keras.ops.convert_to_numpy(layer(np.ones((200, 200)))) > 0
    assert abs(kept.mean() - 0.75) < 5 * (0.25 * 0.75 / kept.size) ** 0.5


@formats
def test_activations_of_which_a_runtime_lacks_the_operation(format, tmp_path):
    """GELU by erfc, CELU by expm1, SiLU with a gradient of its own; LiteRT has no erf."""
    x = inputs = keras.Input((4,))
    for index, name in enumerate(("silu", "celu", *(() if format == "litert" else ("gelu",)))):
        weights = keras.initializers.GlorotUniform(seed=index)
        x = keras.layers.Dense(4, activation=name, kernel_initializer=weights)(x)
    model = keras.Model(inputs, keras.layers.Dropout(0.5)(x))
    coins = zoo.with_coins(model, samples=3)
    zoo.export(coins, tmp_path / "off", format=format, coins="off")
    given = np.random.default_rng(0).normal(0, 3, (5, 4)).astype("float32")
    (found,) = RUNTIMES[format].load(tmp_path / "off")({"images": given}).values()
    np.testing.assert_allclose(found, model.predict(given, verbose=0), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("batch", "seed", "said"), [(0, 0, "`batch` must be"), (2, -1, "`seed` must be"), (2, "a", "`seed`")]
)
def test_bad_draws_are_named(batch, seed, said):
    with pytest.raises(ValueError, match=said):
        draw([], batch, seed)
