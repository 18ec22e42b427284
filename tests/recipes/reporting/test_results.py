"""Files of result lines: appended whole, read to the last whole line, each line once."""

import json
import subprocess
import sys

import pytest

from zoo.recipes.reporting.results import add_results, append_results, check_results_file, read_results

pytestmark = pytest.mark.backend_free
ROWS = [{"vote": "mean", "n": n, "seconds": n / 3, "command": "zoo"} for n in range(3)]

_APPEND = """
import sys
from pathlib import Path
from zoo.recipes.reporting.results import append_results
for n in range(20):
    append_results(Path(sys.argv[1]), [{"who": sys.argv[2], "n": n}])
"""


@pytest.fixture
def path(tmp_path):
    append_results(tmp_path / "results.jsonl", ROWS)
    return tmp_path / "results.jsonl"


def test_a_file_cut_anywhere_has_its_whole_lines_and_says_what_it_lost(path, capsys):
    whole = path.read_bytes()
    ends = [at for at in range(len(whole)) if whole[at : at + 1] == b"\n"]
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        complete = sum(end <= length for end in ends)  # a line without its newline is whole, too
        assert read_results(path) == ROWS[:complete]
        cut = length not in (0, *ends, *(end + 1 for end in ends))
        assert capsys.readouterr().err == (f"{path}: its last line is half-written and left out\n" if cut else "")


def test_appending_to_a_half_written_line_drops_it(path, capsys):
    path.write_bytes(path.read_bytes()[:-5])
    append_results(path, [{"new": 1}])
    assert read_results(path) == [*ROWS[:2], {"new": 1}]
    assert capsys.readouterr().err.count("half-written") == 1


@pytest.mark.parametrize(("append", "rows"), [(append_results, []), (append_results, ROWS), (add_results, ROWS)])
def test_a_folder_is_no_file_of_results_and_keeps_what_it_holds(tmp_path, append, rows):
    folder = tmp_path / "runs"
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "best.weights.h5").write_text("w")
    with pytest.raises(IsADirectoryError, match=r"`path` must be a file, or new\. Received: the folder path='.*runs'$"):
        append(folder, rows)
    assert (folder / "model" / "best.weights.h5").read_text() == "w"
    assert [one.name for one in tmp_path.iterdir()] == ["runs"]


def test_a_place_of_results_is_checked_before_there_are_any(path, tmp_path):
    for good in (path, tmp_path / "new.jsonl", tmp_path / "new" / "folder" / "a.jsonl"):
        check_results_file(good)
    for bad in (tmp_path, path / "a.jsonl", path / "a" / "b.jsonl"):
        with pytest.raises(ValueError, match=r"`out` must be a file of result lines, or new, in a folder\. .* out='"):
            check_results_file(bad)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("damage", ["{", "[1]", "3", '{"n": 1' + 400 * "0" + "}", 2000 * "[", "\xff"])
def test_a_damaged_line_that_is_not_the_last_is_named(path, damage):
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], damage, lines[2]]) + "\n", encoding="latin-1")
    with pytest.raises(ValueError, match=r"results\.jsonl, line 2'") as refused:
        read_results(path)
    assert "\n" not in str(refused.value)


def test_lines_are_added_once_before_those_of_others(tmp_path):
    path, other = tmp_path / "results.jsonl", {"vote": "other", "n": 9}
    append_results(path, [other])
    for _ in range(3):
        add_results(path, ROWS)
        assert read_results(path) == [*ROWS, other]
    again = [{**row, "seconds": 7, "command": "zoo --resume"} for row in ROWS]  # measured again
    add_results(path, again)
    assert len(read_results(path)) == 4
    path.write_text(json.dumps(other) + "\n" + json.dumps(ROWS[0]) + "\n")
    add_results(path, ROWS)
    assert read_results(path) == [*ROWS, other]


@pytest.mark.slow
def test_processes_that_append_at_once_lose_no_line(tmp_path):
    path = tmp_path / "results.jsonl"
    processes = [subprocess.Popen([sys.executable, "-c", _APPEND, str(path), who]) for who in "ab"]
    assert [process.wait() for process in processes] == [0, 0]
    rows = read_results(path)
    assert sorted((row["who"], row["n"]) for row in rows) == [(who, n) for who in "ab" for n in range(20)]
