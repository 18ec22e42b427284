"""Model cards: what is committed is what the manifest says, and the manifest says nothing twice."""

import re

import keras
import pytest

from zoo.recipes.training import card_picture, model_card
from zoo.scores.wilson_interval import wilson
from zoo.weights import pretrained

ROWS = {f"{row['model']}-{row['weights']}": row for row in pretrained.manifest()}
pytestmark = pytest.mark.backend_free


@pytest.mark.parametrize("name", ROWS)
def test_the_committed_card_is_current(name):
    row = ROWS[name]
    path = (pretrained.folder() / row["file"]).with_name("README.md")
    text = path.read_text()
    shows = re.search(r"!\[(.*)\]\(picture\.png\)", text)[1]
    assert text == model_card.card(row, shows)
    assert path.with_name("picture.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ROWS)
def test_what_was_measured_is_counted(name):
    row = ROWS[name]
    for one in row["measured"]:
        assert (one["accuracy"], one["low"], one["high"]) == pytest.approx(
            wilson(one["correct"], one["n"])[:3], abs=1e-9
        )
    assert row["score"] in row["measured"]


@pytest.mark.parametrize("name", ROWS)
def test_the_head_is_flat_yaml_that_names_licence_data_and_score(name):
    row = ROWS[name]
    _, head, _ = model_card.card(row, "").split("---\n", 2)
    assert "license: apache-2.0\nlibrary_name: keras\n" in head
    assert f'datasets:\n- "{row["data"]}"\nmetrics:\n- accuracy\n' in head
    assert f"value: {round(row['score']['accuracy'], 4)}\n" in head


def test_a_card_claims_no_licence_that_is_not_known():
    row = {**ROWS["resnet20_cfnn-digits"], "data": "photos"}
    assert "Data: unknown" in model_card.card(row, "")


def test_a_card_says_when_disagreement_was_not_written_down():
    row = {key: value for key, value in ROWS["resnet20_cfnn-digits"].items() if key != "flips"}
    assert "is unknown: it was not written down" in model_card.card(row, "")


@pytest.mark.parametrize("name", ROWS)
def test_a_caption_speaks_of_a_mask_and_of_colours_where_there_are_any(name):
    row = ROWS[name]
    shows = re.search(
        r"!\[(.*)\]\(picture\.png\)", (pretrained.folder() / row["file"]).with_name("README.md").read_text()
    )[1]
    kernels = shows.startswith("Kernels")
    assert kernels == (row["score"]["vote"] == "none")
    assert ("the mask" in shows) == (kernels and "sparsity" in row["recipe"]["options"])
    assert ("red, green and blue" in shows) == (kernels and row["options"]["input_shape"][-1] == 3)


@pytest.mark.parametrize(
    ("channels", "told"), [(1, "light is above 0, dark below"), (4, "the first of their 4 channels")]
)
def test_a_picture_of_other_channels_names_no_colours(channels, told, tmp_path):
    row = {"model": "plain", "weights": "mine", "measured": [{"samples": 1}]}
    model = keras.Sequential([keras.Input((5, 5, channels)), keras.layers.Conv2D(2, 3)])
    shows = card_picture.draw_card_picture(row, model, tmp_path / "picture.png")
    assert shows == f"Kernels of the first convolution, {told}; grey is 0"
