"""The README's table of models is what the registry, the manifest and the models themselves say."""

import importlib.util
from pathlib import Path

import pytest

import zoo

DOCS = Path(__file__).parents[2] / "docs"
README = (DOCS.parent / "README.md").read_text()
CHEAP = [("ball_cfnn", None), ("hypernet_cfnn", "cifar10"), ("resnet20_cfnn", "digits"), ("mlp_hypernetwork", None)]
pytestmark = pytest.mark.on_tensorflow


@pytest.fixture(scope="module")
def model_table():
    spec = importlib.util.spec_from_file_location("model_table", DOCS / "model_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def printed(model_table):
    text = README.split(model_table.START)[1].split(model_table.END)[0].strip().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text]


def test_every_model_and_every_set_of_weights_has_a_line(model_table, printed):
    lines = [(line[0].strip("`"), line[1].strip("`")) for line in printed[2:]]
    with_weights = set(zoo.list_weights())
    without = {(name, "none") for name in zoo.list_models()} - {(name, "none") for name, _ in with_weights}
    assert len(lines) == len(set(lines))
    assert set(lines) == with_weights | without
    assert printed[0] == model_table.HEADS


def test_scores_and_the_papers_numbers_are_current(model_table, printed):
    told = [model_table.told(name, row) for name, row, _ in model_table.rows()]
    assert [[line[1], *line[3:5]] for line in printed[2:]] == told


def _line(model_table, printed, name, weights):
    place, one = next(
        (place, one)
        for place, one in enumerate(model_table.rows())
        if one[0] == name and (one[1] or {}).get("weights") == weights
    )
    return printed[2 + place], model_table.line(*one)


@pytest.mark.parametrize(("name", "weights"), CHEAP)
def test_parameters_and_cost_are_current(model_table, printed, name, weights):
    found, wanted = _line(model_table, printed, name, weights)
    assert found == wanted


def test_the_table_of_weights_is_current(model_table):
    text = (DOCS / "models.md").read_text()
    printed = text.split(model_table.WEIGHTS_START)[1].split(model_table.WEIGHTS_END)[0].strip()
    assert printed == model_table.weights_text()
    assert len(printed.splitlines()) == 2 + len(zoo.list_weights())


@pytest.mark.parametrize(
    ("model", "cost", "told"),
    [("hypernet_cfnn", 7200.0, ["+0.50", "12.3", "2.0"]), ("resnet20_dropout", None, ["-", "-", "-"])],
)
def test_a_line_of_weights_has_difference_disagreement_and_core_hours(model_table, model, cost, told):
    score = {"accuracy": 0.8195, "low": 0.8118, "high": 0.8269, "n": 10_000, "vote": "majority", "samples": 100}
    row = {"model": model, "weights": "mine", "file": f"{model}-mine/model.weights.h5", "data": "cifar10"}
    row |= {"recipe": {"epochs": 3, "options": {}}, "planned_epochs": 9, "command": "zoo train", "score": score}
    if cost is None:
        row["data"] = "digits"
    else:
        row |= {"score": {**score, "disagreement": 0.1234}, "cost": {"seconds": 1.0, "core_seconds": cost}}
    line = model_table.weights_line(row)
    accuracy = "81.95 [81.18, 82.69] of 10,000, majority of 100"
    assert line[:3] == [f"[{model}, mine](../saved_models/{model}-mine/README.md)", "3, 9", accuracy]
    assert [*line[4:7], line[7]] == [*told, "`zoo train`"]


@pytest.mark.slow
def test_all_of_the_table_is_current(model_table):
    assert model_table.text() in README


def test_a_flip_of_one_dense_layer_costs_two_operations_a_weight(model_table):
    model = zoo.build("mlp_embedding", seed=0)
    weights = sum(layer.kernel.shape.num_elements() for layer in model.layers if hasattr(layer, "kernel"))
    (once, flip) = model_table.cost(model)
    assert flip == "-"
    assert float(once) == pytest.approx(2 * weights / 1e6, rel=0.03)  # shown with two digits
