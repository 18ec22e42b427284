"""Tables and plots as functions of result lines."""

import pytest
from experiments import cells

from zoo.recipes.reporting.results import append_results, environment, read_results
from zoo.recipes.reporting.votes import plot_accuracy, plot_scores, report, score_table, vote_table


def row(vote, samples, correct, n=100):
    accuracy = correct / n
    return {
        "vote": vote,
        "samples": samples,
        "accuracy": accuracy,
        "low": accuracy - 0.1,
        "high": accuracy + 0.05,
        "n": n,
    }


ROWS = [row("majority", 1, 70), row("majority", 25, 81), row("mean", 25, 82), row("expected", 1, 80)]


@pytest.mark.backend_free
def test_the_table_shows_every_row():
    assert cells(vote_table(ROWS, "github"))[1:] == [
        ["one flip", "70.00", "60.00 - 75.00", "100"],
        ["majority of 25", "81.00", "71.00 - 86.00", "100"],
        ["mean of 25", "82.00", "72.00 - 87.00", "100"],
        ["coins off", "80.00", "70.00 - 85.00", "100"],
    ]


@pytest.mark.backend_free
def test_scores_have_a_table_where_lines_have_them():
    """Lines that are older than scores are still read."""
    assert score_table(ROWS) == ""
    assert report(ROWS) == vote_table(ROWS)
    measured = {"nll": 0.25, "nll_floor": None, "brier": 0.125, "ece": 0.0123, "aurc": 0.00456}
    soft, infinite = {**ROWS[2], **measured}, {**ROWS[3], **measured, "nll": None}
    undefined = {**ROWS[0], **dict.fromkeys(measured)}
    table = score_table([*ROWS[:2], undefined, soft, infinite], "github")
    assert cells(table)[1:] == [
        ["mean of 25", "0.2500", "0.1250", "1.23", "0.46"],
        ["coins off", "-", "0.1250", "1.23", "0.46"],
    ]
    assert "NLL of majorities" not in table
    floored = {**ROWS[1], **measured, "nll_floor": 0.001}
    assert score_table([floored, soft]).endswith("NLL of majorities: a share of votes below 0.001 counts as 0.001.")


@pytest.mark.backend_free
def test_pictures_of_nothing_say_so(tmp_path):
    for path in plot_scores([(ROWS[0], None)], tmp_path / "plots"):
        assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.backend_free
def test_the_plot_is_a_png_and_appears_whole(tmp_path, monkeypatch):
    plot_accuracy(ROWS, tmp_path / "a.png", "title")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")

    def fail(*arguments, **options):
        raise OSError("disk full")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        plot_accuracy(ROWS, tmp_path / "b.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.backend_free
def test_result_lines_are_appended_whole(tmp_path):
    path = tmp_path / "deep/results.jsonl"
    append_results(path, ROWS[:1])
    append_results(path, ROWS[1:])
    assert read_results(path) == ROWS


def test_the_environment_says_where_a_number_comes_from():
    import keras

    found = environment()
    assert found["backend"] == keras.backend.backend()
    assert found["versions"]["keras"] == keras.__version__
    assert "not installed" not in found["versions"].values()
    assert found["machine"].startswith(("CPU, ", "GPU, "))
