"""Pictures redrawn from rows."""

import shutil

import pytest
from PIL import Image

from zoo.recipes.experiments import redraw as module
from zoo.recipes.experiments.committed import FOLDER
from zoo.recipes.experiments.redraw import redraw

pytestmark = pytest.mark.backend_free


def test_pictures_are_drawn_and_tables_and_rows_stay(tmp_path):
    folder = tmp_path / "complexity"
    shutil.copytree(FOLDER / "coin_flipping" / "results" / "complexity", folder)
    (folder / "figure.png").write_bytes(b"old")
    others = {path: path.read_bytes() for path in folder.iterdir() if path.suffix != ".png"}
    assert redraw(folder) == [folder / "figure.png"]
    with Image.open(folder / "figure.png") as picture:
        assert picture.width >= 400
    assert {path: path.read_bytes() for path in folder.iterdir() if path.suffix != ".png"} == others


def test_without_committed_rows_it_is_said(monkeypatch):
    monkeypatch.setattr(module, "committed", list)
    with pytest.raises(SystemExit, match="no rows are committed here"):
        module.main([])


def test_rows_of_no_experiment_are_refused(tmp_path):
    said = r"`folder` must hold rows in its results\.jsonl\. Received: folder='.*'"
    with pytest.raises(FileNotFoundError, match=said):
        redraw(tmp_path)
    (tmp_path / "results.jsonl").write_text('{"recipe": "nobody"}\n')
    with pytest.raises(ValueError, match="nobody"):
        redraw(tmp_path)
    (tmp_path / "results.jsonl").write_text("")
    with pytest.raises(FileNotFoundError, match=said):
        redraw(tmp_path)
