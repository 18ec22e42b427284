"""Table and figure of a sweep as functions of rows."""

import numpy as np
import pytest
from experiments import cells

from zoo.recipes.reporting.figure import figure
from zoo.recipes.reporting.sweep import plot_sweep, sweep_table, write_report

pytestmark = pytest.mark.backend_free

SWEEP = {"sweep": "depth", "measure": "loss"}


def row(method, depth, loss, **more):
    settings = {"type": 2, "data": "somewhere/else.npz", "epochs": 3}
    return {"recipe": "r", "method": method, "depth": depth, "loss": loss, "settings": settings, **more}


ROWS = [
    *[row("one", 2, loss, baseline=5.0) for loss in (1.0, 2.0, 3.0)],
    row("two", 2, 0.125),
    row("one", 10, 0.5),
    row("one", 10, None),
    row("two", None, 7.0),
    row("two", None, 8.0),
]


def test_the_table_has_mean_and_deviation_per_value_and_series():
    text = sweep_table(ROWS, "depth", "loss")
    assert text.split("\n\n")[0] == "r, type 2, else.npz: loss, mean ± standard deviation over repetitions (1 to 3)"
    assert cells(text) == [
        ["depth", "one", "two"],
        ["2", "2 ± 1", "0.125"],
        ["10", "0.5, 1 of 2 diverged", ""],
        ["any", "", f"7.5 ± {np.std([7, 8], ddof=1):.2g}"],
    ]


def test_series_may_have_several_keys():
    rows = [row("one", 2, 1.0, data=name) for name in ("a", "b")]
    assert cells(sweep_table(rows, "depth", "loss", ("data", "method"))) == [
        ["depth", "a, one", "b, one"],
        ["2", "1", "1"],
    ]


def test_a_list_is_a_curve_and_a_long_one_is_shown_at_round_values():
    rows = [{**row("one", None, None), "losses": [float(i) for i in range(1, n + 1)]} for n in (64, 64)]
    lines = cells(sweep_table(rows, "epoch", "losses"))
    assert lines[0] == ["epoch", "one"]
    assert [line[0] for line in lines[1:]] == ["1", "2", "5", "10", "20", "50", "64"]
    assert lines[-1] == ["64", "64 ± 0"]


@pytest.fixture
def drawn(monkeypatch):
    """Figures that were drawn, none of them saved."""
    figures = []
    monkeypatch.setattr("zoo.recipes.reporting.figure._palette", lambda file: None)
    monkeypatch.setattr(
        "matplotlib.figure.Figure.savefig", lambda figure, part, **_: (part.touch(), figures.append(figure))
    )
    return figures


@pytest.mark.parametrize("log", ["", "x", "y", "xy"])
def test_the_report_is_a_table_and_a_png(tmp_path, log):
    write_report(ROWS, tmp_path, **SWEEP, log=log)
    assert (tmp_path / "table.md").read_text() == sweep_table(ROWS, "depth", "loss") + "\n"
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(tmp_path.iterdir())) == 2


def test_the_legend_has_the_series_of_all_panels(tmp_path, drawn):
    rows = [row(name, depth, 1.0, dim=dim) for name, dim in (("one", 5), ("two", 50)) for depth in (2, 3)]
    plot_sweep(rows, tmp_path / "a.png", **SWEEP, panels="dim")
    (legend,) = drawn[0].legends
    assert [text.get_text() for text in legend.get_texts()] == ["one", "two"]


def test_each_panel_has_axes_and_a_table_of_its_own(tmp_path, drawn):
    rows = [row("one", 2, 1.0, dim=5), row("one", 3, 2.0, dim=5), row("two", 2, 4.0, dim=50)]
    write_report(rows, tmp_path, **SWEEP, panels="dim")
    tables = [sweep_table(part, "depth", "loss") for part in (rows[:2], rows[2:])]
    assert (tmp_path / "table.md").read_text() == f"## dim 5\n\n{tables[0]}\n\n## dim 50\n\n{tables[1]}\n"
    lines = [axes.lines[0].get_xydata().tolist() for axes in drawn[0].axes]
    assert lines == [[[2, 1], [3, 2]], [[2, 4]]]
    assert [axes.get_title() for axes in drawn[0].axes] == ["dim 5", "dim 50"]
    assert drawn[0].get_suptitle() == "r, type 2, else.npz"


def test_the_figure_has_a_line_and_a_band_per_series_and_the_constant(tmp_path, drawn):
    plot_sweep(ROWS, tmp_path / "a.png", **SWEEP)
    axes = drawn[0].axes[0]
    assert axes.get_ylabel() == "loss (band: standard deviation)"
    assert axes.get_legend().get_title().get_text() == "method"
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert sorted(legend) == ["a training diverged", "best constant", "one", "two"]
    one = next(line for line in axes.lines if line.get_label() == "one")
    np.testing.assert_array_equal(one.get_xydata(), [[2, 2], [10, 0.5]])
    band = axes.collections[0].get_paths()[0].vertices
    assert {(2, 1), (2, 3)} <= {tuple(point) for point in band}
    assert [tuple(line.get_xdata()) for line in axes.lines if line.get_marker() == "x"] == [(10,), ()]
    across = [line for line in axes.lines if list(line.get_xdata()) == [0, 1]]
    assert {line.get_ydata()[0] for line in across} == {7.5, 5.0}


def test_a_single_value_is_a_mark_per_series_side_by_side(tmp_path, drawn):
    rows = [row("one", 6, 2.0), row("two", 6, 2.0), row("three", 6, None)]
    plot_sweep(rows, tmp_path / "a.png", **SWEEP)
    plot_sweep([*rows, row("two", 6, 3.0)], tmp_path / "a.png", **SWEEP)
    for axes, found in zip((one.axes[0] for one in drawn), ([2, 2, np.nan], [2, 2.5, np.nan]), strict=True):
        assert [text.get_text() for text in axes.get_xticklabels()] == ["one", "two", "three"]
        marks = [line.get_xydata()[0] for line in axes.lines if line.get_marker() in "osD"]
        np.testing.assert_array_equal(marks, [[0, found[0]], [1, found[1]], [2, found[2]]])
        assert axes.get_xlabel() == "method (depth 6)"
        assert axes.get_legend() is None
    assert [one.axes[0].get_ylabel() for one in drawn] == ["loss", "loss (bar: standard deviation)"]


def test_no_band_is_promised_where_nothing_was_repeated(tmp_path, drawn):
    plot_sweep([row("one", 2, 1.0), row("one", 3, 1.0)], tmp_path / "a.png", **SWEEP)
    (axes,) = drawn[0].axes
    assert axes.get_ylabel() == "loss"
    assert not axes.collections
    assert axes.get_legend() is None  # one line


def test_of_two_keys_one_is_the_colour_and_one_the_line(tmp_path, drawn):
    rows = [row(m, depth, 1.0, alpha=a) for m in ("drawn", "exact") for a in (0.6, 0.9) for depth in (2, 3)]
    plot_sweep(rows, tmp_path / "a.png", **SWEEP, series=("method", "alpha"))
    lines = {line.get_label(): line for line in drawn[0].axes[0].lines if "," in line.get_label()}
    colors, styles = (
        {name: getattr(line, f"get_{key}")() for name, line in lines.items()} for key in ("color", "linestyle")
    )
    assert colors == {"drawn, 0.6": "C0", "drawn, 0.9": "C1", "exact, 0.6": "C0", "exact, 0.9": "C1"}
    assert styles == {"drawn, 0.6": "-", "drawn, 0.9": "-", "exact, 0.6": "--", "exact, 0.9": "--"}
    assert drawn[0].axes[0].get_legend().get_title().get_text() == "method, alpha"


def test_many_lines_have_their_legend_below_the_axes(tmp_path, drawn):
    plot_sweep([row(str(i), depth, 1.0) for i in range(12) for depth in (2, 3)], tmp_path / "a.png", **SWEEP)
    assert drawn[0].axes[0].get_legend() is None
    assert len(drawn[0].legends[0].get_texts()) == 12


def test_smoke_is_said_in_the_title(tmp_path, drawn):
    for budget, title in (("smoke", "r, type 2, else.npz, smoke"), ("standard", "r, type 2, else.npz")):
        plot_sweep([row("one", 2, 1.0, budget=budget)], tmp_path / "a.png", **SWEEP)
        assert drawn[-1].get_suptitle() == title
        assert sweep_table([row("one", 2, 1.0, budget=budget)], "depth", "loss").startswith(f"{title}: loss")


def test_axes_to_which_nothing_was_drawn_say_so(tmp_path, drawn):
    with figure(tmp_path / "a.png", 3) as (full, empty, none):
        full.plot([1, 2], [3, 4])
        empty.plot([], [])
        none.plot([np.nan], [np.nan])
    assert [[text.get_text() for text in axes.texts] for axes in drawn[0].axes] == [[], *[["nothing to draw"]] * 2]


def test_axes_have_words_and_a_long_label_takes_two_lines(tmp_path, drawn):
    names = {"depth": "linear layers", "loss": "test loss, squared error"}
    plot_sweep(ROWS, tmp_path / "a.png", **SWEEP, names=names)
    assert drawn[0].axes[0].get_xlabel() == "linear layers"
    assert drawn[0].axes[0].get_ylabel() == "test loss, squared error\n(band: standard deviation)"


def test_numbers_in_a_legend_have_colours_in_their_order(tmp_path, drawn):
    """From dark to pale: the sum of a colour's parts grows."""
    rows = [row("one", depth, 1.0, width=width) for width in (32, 2, 8, 4, 16) for depth in (2, 3)]
    plot_sweep(rows, tmp_path / "a.png", **SWEEP, series=("width",))
    lines = [line for line in drawn[0].axes[0].lines if line.get_label()[0] != "_"]
    colors = {int(line.get_label()): sum(line.get_color()[:3]) for line in lines}
    assert sorted(colors, key=colors.get) == [2, 4, 8, 16, 32]


@pytest.mark.parametrize(("panels", "rows"), [(1, [1]), (2, [2]), (3, [2, 1]), (5, [2, 2, 1])])
def test_panels_stand_in_rows_of_two(tmp_path, drawn, panels, rows):
    with figure(tmp_path / "a.png", panels) as all_axes:
        assert len(all_axes) == panels
    tops = [axes.get_subplotspec().rowspan.start for axes in drawn[0].axes]
    assert [tops.count(top) for top in dict.fromkeys(tops)] == rows
