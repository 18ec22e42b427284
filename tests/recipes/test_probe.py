"""`zoo probe` against direct calls of the probes."""

import json

import numpy as np
import pytest

import zoo
from zoo.probes import great_circle, line, trajectory_lengths, transitions
from zoo.recipes.probe import probe, table, trajectory
from zoo.recipes.reporting.results import read_results


def _same(rows, model, way):
    lengths, signs = trajectory_lengths(model, way), transitions(model, way)
    assert [row["length"] for row in rows] == pytest.approx(list(lengths.values()), rel=1e-4)
    assert [row["transitions"] for row in rows] == pytest.approx(list(signs.values()), abs=1)  # of rounding


@pytest.mark.every_backend
def test_points_of_a_plain_model():
    rows = probe("random_mlp", options={"dim": 6, "width": 9, "depth": 2}, seed=3, points=201)
    ends = np.random.default_rng(3).standard_normal((2, 6))
    _same(rows, zoo.build("random_mlp", dim=6, width=9, depth=2, seed=3), great_circle(*ends, 201))
    first, second, readout = (row["length"] for row in rows)
    assert [row["growth"] for row in rows] == [None, pytest.approx(second / first), pytest.approx(readout / second)]
    straight = probe("random_mlp", options={"dim": 6, "width": 9, "depth": 2}, seed=3, points=201, curve="line")
    _same(straight, zoo.build("random_mlp", dim=6, width=9, depth=2, seed=3), line(*ends, 201))


def test_coins_are_replaced_by_their_means():
    options = {"depth": 8, "input_shape": [8, 8, 3]}
    rows = probe("resnet20_cfnn", options=options, seed=1, points=11)
    model = zoo.amplify(zoo.build("resnet20_cfnn", **options, seed=1), 1, "expected")
    pixels = np.random.default_rng(1).uniform(0, 255, (2, 8, 8, 3))
    _same(rows, model, great_circle(*pixels, 11))
    assert len(rows) > 8


def test_other_inputs_stand_still_and_growth_is_from_the_last_layer_that_moved():
    sizes = {"x_size": 5, "condition_size": 4, "width": 6}
    model = zoo.build("mlp_hypernetwork", **sizes, seed=2)
    way = trajectory(model, 2, 21)
    assert [part.shape for part in way] == [(21, 5), (1, 4)]
    rows = probe("mlp_hypernetwork", options=sizes, seed=2, points=21)
    _same(rows, model, way)
    found = {row["layer"]: row for row in rows}
    for layer in ("condition_hidden_1", "theta_1", "theta_2"):
        assert (found[layer]["length"], found[layer]["growth"], found[layer]["transitions"]) == (0, None, 0)
    assert found["primary_1"]["growth"] is None
    ratio = found["primary_2"]["length"] / found["primary_1"]["length"]
    assert found["primary_2"]["growth"] == pytest.approx(ratio)
    assert table(rows).splitlines()[2].split() == ["condition_hidden_1", "0", "-", "0"]


def test_a_population_has_the_mean_of_its_networks():
    options = {"dim": 6, "width": 9, "depth": 2, "networks": 3}
    rows = probe("random_mlp", options=options, seed=4, points=51)
    model = zoo.build("random_mlp", **options, seed=4)
    way = trajectory(model, 4, 51)
    lengths, signs = trajectory_lengths(model, way, networks=True), transitions(model, way, networks=True)
    for row in rows:
        assert row["length"] == pytest.approx(lengths[row["layer"]].mean())
        assert row["transitions"] == pytest.approx(signs[row["layer"]].mean())


def test_the_pieces_change_nothing(monkeypatch):
    whole = probe("random_mlp", options={"dim": 6}, points=40)
    monkeypatch.setattr("zoo.recipes.probe._MOST", 1000)
    pieces = probe("random_mlp", options={"dim": 6}, points=40)
    for one, other in zip(whole, pieces, strict=True):
        assert one["length"] == pytest.approx(other["length"], rel=1e-5)
        assert one["transitions"] == other["transitions"]


def test_the_command_prints_a_table_and_appends_its_rows(zoo_command, tmp_path):
    out = tmp_path / "rows.jsonl"
    arguments = ("probe", "random_mlp", "--set", "dim=4", "--set", "width=5", "--points", 9, "--seed", 6)
    code, printed, errors = zoo_command(*arguments, "--out", out)
    assert code == 0, errors
    rows = read_results(out)
    direct = probe("random_mlp", options={"dim": 4, "width": 5}, seed=6, points=9)
    for row, expected in zip(rows, direct, strict=True):
        assert {**row, "command": ""} == {**expected, "command": ""}
    assert rows[0]["command"].startswith("zoo probe random_mlp")
    assert printed == table(direct) + "\n"
    assert printed.split()[:4] == ["layer", "length", "growth", "sign"]
    zoo_command(*arguments, "--out", out)
    assert len(read_results(out)) == 2 * len(rows)


def test_weights_of_a_file_or_of_a_run_are_probed(recipe, tmp_path):
    options = {"dim": 4, "width": 5, "depth": 1}
    trained = zoo.build("random_mlp", **options, seed=9)
    zoo.save_weights(trained, tmp_path / "some.weights.h5")
    rows = probe("random_mlp", str(tmp_path / "some.weights.h5"), options, points=9)
    _same(rows, trained, trajectory(trained, 0, 9))

    run = tmp_path / "run"
    run.mkdir()
    plain = {**recipe.to_dict(), "model": "tiny_cfnn"}
    model = zoo.build("tiny_cfnn", input_shape=(8, 8, 1), classes=4, seed=8)
    zoo.save_weights(model, run / "last.weights.h5")
    (run / "config.json").write_text(json.dumps({"recipe": plain, "input_shape": [8, 8, 1], "classes": 4}))
    model = zoo.amplify(model, 1, "expected")
    _same(probe(str(run), points=9), model, trajectory(model, 0, 9))
    with pytest.raises(ValueError, match="`options` must be those of the run"):
        probe(str(run), options={"rate": 0.1})


def test_help_names_the_command(zoo_command):
    _, printed, _ = zoo_command("--help")
    assert "probe" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["resnet20_cfn"], "Did you mean 'resnet20_cfnn'"),
        (["random_mlp", "--points", "1"], "`points` must be"),
        (["random_mlp", "--seed", "-1"], "`seed` must be"),
        (["random_mlp", "--curve", "spiral"], "`curve` must be one of 'great_circle', 'line'"),
        (["random_mlp", "--set", "widht=3"], "Did you mean 'width'"),
        (["random_mlp", "--set", "width"], "must be KEY=VALUE"),
        (["random_mlp", "--weights", "best"], "`weights` must be one of"),
        (["tiny_hiss"], "no means. Give a part of it that flips no coins to zoo.probes"),
    ],
)
def test_bad_input_is_one_clear_error(zoo_command, own_registry, tmp_path, arguments, message):
    own_registry(paper="A paper", section="1")(tiny_hiss)
    code, printed, errors = zoo_command("probe", *arguments, "--out", tmp_path / "none.jsonl")
    assert (code, printed) == (1, "")
    assert errors.startswith("error: ")
    assert message in errors
    assert "Traceback" not in errors
    assert not (tmp_path / "none.jsonl").exists()


def tiny_hiss(seed=None):
    """A model that draws numbers at inference and cannot be stopped."""
    import keras

    class Hiss(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.seed_generator = keras.random.SeedGenerator(seed)

        def call(self, inputs):
            return inputs + keras.random.normal(keras.ops.shape(inputs), seed=self.seed_generator)

    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(2)(Hiss()(inputs)))
