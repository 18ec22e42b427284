"""Model cards: what is committed is what the manifest says, and the manifest says nothing twice."""

import re

import pytest

from zoo.recipes.training import model_card
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
