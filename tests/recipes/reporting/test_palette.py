"""Pictures of few colours: a smaller file of the same drawing."""

import numpy as np
import pytest
from PIL import Image

from zoo.recipes.reporting.figure import figure

pytestmark = pytest.mark.backend_free


def test_a_picture_has_at_most_256_colours_near_those_drawn(tmp_path, monkeypatch):
    def draw(path):
        with figure(path) as (axes,):
            axes.imshow(np.linspace(0, 1, 64).reshape(8, 8), cmap="viridis")

    draw(tmp_path / "few.png")
    monkeypatch.setattr("zoo.recipes.reporting.figure._palette", lambda file: None)
    draw(tmp_path / "all.png")
    few, whole = (Image.open(tmp_path / name) for name in ("few.png", "all.png"))
    assert few.mode == "P"
    assert few.size == whole.size
    difference = np.abs(np.asarray(few.convert("RGB"), int) - np.asarray(whole.convert("RGB"), int))
    assert difference.mean() < 1
    assert difference.max() < 40
    assert (tmp_path / "few.png").stat().st_size < (tmp_path / "all.png").stat().st_size
