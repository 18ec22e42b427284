"""IteRand's tables and figures in small: every method once, sweeps, curves, and finished runs taken over."""

import shutil

import pytest
from experiments import cells

from zoo.recipes.experiments.experiment import find
from zoo.recipes.experiments.reproduce import reproduce
from zoo.recipes.papers.iterand import pruning_runs
from zoo.recipes.papers.iterand.pruning_paper import TABLE3, TABLE4
from zoo.recipes.papers.iterand.pruning_report import accuracy_table, write_report
from zoo.recipes.papers.iterand.pruning_runs import recipe_of, with_finished
from zoo.recipes.reporting.results import read_results

NAMES = ("iterand-table3", "iterand-table4", "iterand-rate", "iterand-period", "iterand-curves")


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The folder of a finished Table 3."""
    out = tmp_path_factory.mktemp("iterand")
    reproduce("iterand-table3", out, budget="smoke", settings={"runs": str(out / "runs")})
    return out


@pytest.fixture
def asked(monkeypatch):
    """The recipes that were to be trained; every epoch is right on half of the training images, a quarter of others."""
    recipes = []

    def train(recipe, folder, **_):
        recipes.append(recipe)
        folder.mkdir(parents=True)
        lines = ["epoch,accuracy,val_accuracy", *(f"{epoch},0.5,0.25" for epoch in range(recipe.epochs))]
        (folder / "log.csv").write_text("\n".join(lines))
        found = {"correct": 180, "n": 360, "accuracy": 0.5, "low": 0.45, "high": 0.55}
        return [{"model": recipe.model, "data": recipe.data, "split": "test", **found}]

    monkeypatch.setattr(pruning_runs, "train", train)
    return recipes


def test_every_method_once(out):
    rows = read_results(out / "results.jsonl")
    found = [(row["network"], row["method"], row["kernel"], row["width"]) for row in rows]
    assert found == [("conv6", method, kernel, 0.25) for method, kernel in zip(
        ("edge-popup", "iterand", "sgd"), ("sc", "sc", "ku"), strict=True)]  # fmt: skip
    table = (out / "table.md").read_text()
    assert all(f"{row['correct']} of 360" in table and f"{row['accuracy']:.2f}" in table for row in rows)
    assert "paper" not in table
    assert all(0 <= row["validation"] <= 100 for row in rows)
    assert len(list((out / "runs").iterdir())) == 3
    assert (out / "figure.png").stat().st_size > 1000


def test_finished_runs_are_taken_over_once(out, tmp_path):
    chosen = {"finished": [str(out / "runs")], "runs": str(tmp_path / "none")}
    rows = reproduce("iterand-table3", tmp_path, budget="smoke", settings=chosen, repetitions=2)
    before = read_results(out / "results.jsonl")
    assert [row["correct"] for row in rows] == [row["correct"] for row in before]
    assert all(row["taken"].startswith(str(out / "runs")) and row["run_seed"] for row in rows)
    assert not (tmp_path / "none").exists()


def test_a_copy_of_a_run_is_no_repetition(out, tmp_path):
    shutil.copytree(out / "runs", tmp_path / "copy")
    chosen = {"finished": [str(out / "runs"), str(tmp_path / "copy")], "runs": str(tmp_path / "none")}
    with pytest.raises(
        ValueError, match=rf"`finished` must be runs of different seeds.*'{out}/.*' and '{tmp_path}/copy"
    ):
        reproduce("iterand-table3", tmp_path / "again", budget="smoke", settings=chosen)


def test_the_experiment_s_own_runs_are_not_taken(out):
    table3 = find("iterand-table3")
    settings = {**table3.settings["smoke"], "finished": [str(out)]}
    points = [
        {key: value for key, value in point.items() if key != "taken"}
        for point in table3.points({**settings, "finished": []})
    ]
    for runs, taken in ((out / "runs", 0), (out, 0), (out / "run", len(points))):
        found = with_finished({**settings, "runs": str(runs)}, points)
        assert sum(point["taken"] is not None for point in found) == taken, runs
    with pytest.raises(ValueError, match="with runs of none outside runs="):
        table3.prepare({**settings, "runs": str(out)}, None)


def test_other_runs_are_not_taken_for_these(out, tmp_path):
    with pytest.raises(ValueError, match=r"`finished` must have a run of these settings.*conv6_iterand_sc_cifar10"):
        reproduce("iterand-table3", tmp_path, budget="smoke", settings={"finished": [str(out / "runs")], "epochs": 2})


@pytest.mark.backend_free
@pytest.mark.parametrize(("key", "wanted"), [("rate", [0.0, 1.0]), ("period", [2, 30])])
def test_a_sweep_is_a_training_per_value(key, wanted, tmp_path, asked):
    settings = {"runs": str(tmp_path / "runs"), f"{key}s": wanted}
    rows = reproduce(f"iterand-{key}", tmp_path, budget="smoke", settings=settings)
    assert [row[key] for row in rows] == wanted
    assert [getattr(recipe, f"randomize_{key}") for recipe in asked] == wanted
    assert {(recipe.model, recipe.options["kernel_initializer"]) for recipe in asked} == {
        ("conv6_iterand", "kaiming_uniform")
    }
    assert {row["validation"] for row in rows} == {25.0}
    assert len(list((tmp_path / "runs").iterdir())) == len(wanted)
    assert (tmp_path / "table.md").read_text().count("25") == len(wanted)
    assert (tmp_path / "figure.png").stat().st_size > 1000


def test_curves_have_an_accuracy_per_epoch(out, tmp_path):
    chosen = {"finished": [str(out / "runs")], "epochs": 1, "runs": str(tmp_path / "none")}
    rows = reproduce("iterand-curves", tmp_path / "curves", budget="smoke", settings=chosen)
    assert [(row["method"], row["examples"]) for row in rows] == [
        (method, examples) for method in ("edge-popup", "iterand") for examples in ("train", "validation")
    ]
    assert all(len(row["curve"]) == 1 for row in rows)
    assert [rows[i]["curve"][-1] for i in (1, 3)] == [rows[i]["validation"] for i in (1, 3)]
    assert "iterand, sc, validation" in (tmp_path / "curves" / "table.md").read_text()
    assert not (tmp_path / "none").exists()


def test_runs_without_their_log_have_no_curve(out, tmp_path):
    shutil.copytree(out / "runs", tmp_path / "runs")
    for log in (tmp_path / "runs").glob("*/log.csv"):
        log.unlink()
    chosen = {"finished": [str(tmp_path / "runs")], "epochs": 1, "runs": str(tmp_path / "others")}
    with pytest.raises(ValueError, match=r"`finished` must have runs with their log\.csv"):
        reproduce("iterand-curves", tmp_path / "again", budget="smoke", settings=chosen)


@pytest.mark.backend_free
def test_curves_of_several_epochs(tmp_path, asked):
    chosen = {"runs": str(tmp_path / "runs"), "methods": ["iterand"], "epochs": 3}
    rows = reproduce("iterand-curves", tmp_path, budget="smoke", settings=chosen)
    assert [(row["examples"], row["curve"]) for row in rows] == [("train", [50.0] * 3), ("validation", [25.0] * 3)]
    assert [recipe.epochs for recipe in asked] == [3]


@pytest.mark.backend_free
def test_a_budget_of_other_epochs_has_runs_of_its_own(tmp_path, asked):
    for epochs in (1, 2):
        chosen = {"runs": str(tmp_path / "runs"), "rates": [0.1], "epochs": epochs}
        reproduce("iterand-rate", tmp_path / str(epochs), budget="smoke", settings=chosen)
    assert [recipe.epochs for recipe in asked] == [1, 2]
    assert len(list((tmp_path / "runs").iterdir())) == 2


@pytest.mark.backend_free
def test_table_4_reports_the_weights_that_remain(tmp_path, asked):
    chosen = {"runs": str(tmp_path / "runs"), "methods": ["sgd"]}
    rows = reproduce("iterand-table4", tmp_path, budget="smoke", settings=chosen)
    assert [(row["network"], row["method"]) for row in rows] == [("resnet18", "sgd")]
    assert [recipe.model for recipe in asked] == ["resnet18"]
    assert (tmp_path / "figure.png").stat().st_size > 1000


@pytest.mark.backend_free
def test_the_papers_cells_and_recipes():
    experiments = {name: find(name) for name in NAMES}
    cells = {name: one.points(one.settings["paper"]) for name, one in experiments.items()}
    keys = ("network", "method", "kernel", "width")
    assert {tuple(cell[key] for key in keys) for cell in cells["iterand-table3"]} == set(TABLE3)
    assert {tuple(cell[key] for key in keys) for cell in cells["iterand-table4"]} == set(TABLE4)
    assert len(cells["iterand-table3"]) == 60
    assert (len(cells["iterand-rate"]), len(cells["iterand-period"])) == (12, 15)
    for name, points in cells.items():
        paper = experiments[name].settings["paper"]
        for point in points:
            recipe = recipe_of(paper, point)
            assert (recipe.epochs, recipe.data) == (paper["epochs"], paper["data"])
            assert recipe.options["width"] == point["width"]
    rates = {recipe_of(experiments["iterand-rate"].settings["paper"], p).randomize_rate for p in cells["iterand-rate"]}
    assert rates == {0.0, 0.01, 0.1, 1.0}


@pytest.mark.backend_free
def test_the_papers_numbers_stand_beside_ours(tmp_path):
    row = {"recipe": "iterand-table3", "low": 0.7, "high": 0.72, "correct": 7100, "n": 10_000, "epochs": 30}
    row |= {"settings": {"data": "cifar10"}, "network": "conv6", "method": "iterand", "kernel": "sc", "width": 0.25}
    rows = [{**row, "accuracy": 71.0}, {**row, "accuracy": 72.0}, {**row, "width": 3.0, "accuracy": 70.0}]
    lines = cells(accuracy_table(rows))[1:]
    assert lines[0][5:] == ["2", "71.50 ± 0.71", "70.00 - 72.00", "7100+7100 of 10000", "75.16 ± 0.23", "-3.66"]
    assert lines[1][-2:] == ["", ""]
    write_report(rows, tmp_path)
    assert (tmp_path / "figure.png").stat().st_size > 1000


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"finished": ["no/such"]}, "`finished` must be a folder of finished runs"),
        ({"networks": ["resnet50"], "recipes": "cifar10"}, "`networks` must be of conv6, resnet18, resnet34 for"),
        ({"networks": ["vgg"]}, "`networks` must be one of"),
        ({"augment": "rotate"}, "`augment` must be one of"),
        ({"kernels": ["he"]}, "`kernels` must be one of"),
    ],
)  # fmt: skip
def test_bad_settings_are_refused_before_anything_is_trained(name, settings, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        reproduce(name, tmp_path / "out", budget="smoke", settings=settings)
    assert not (tmp_path / "out").exists()


def test_an_empty_folder_has_no_finished_runs(tmp_path):
    with pytest.raises(ValueError, match="It has none: finished="):
        reproduce("iterand-rate", tmp_path / "out", budget="smoke", settings={"finished": [str(tmp_path)]})
