"""SavedModels beside the shipped weights: the files of the manifest, which TensorFlow alone votes with."""

import json
import subprocess
import sys

import numpy as np
import pytest

import zoo
from zoo.weights import pretrained

pytestmark = pytest.mark.on_tensorflow

ROWS = [row for row in pretrained.manifest() if "saved_model" in row]

_CLIENT = """
import json, sys
import numpy as np, tensorflow as tf
served = tf.saved_model.load(sys.argv[1])
x = tf.constant(np.load(sys.argv[2]))
served.reseed(tf.constant(0, "int64"))
votes = served.vote(x, tf.constant(100)).numpy()
ours = sorted({"zoo", "layers", "recipes"} & set(sys.modules))
print(json.dumps({"classes": votes.argmax(-1).tolist(), "ours": ours}))
"""


def place(row):
    return (pretrained.folder() / row["file"]).parent / "saved_model"


def test_every_shipped_coin_flipping_model_has_one():
    assert {row["model"] for row in ROWS} == {"resnet20_cfnn", "hypernet_cfnn"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['model']}-{row['weights']}")
def test_its_files_are_those_of_the_manifest_and_small(row):
    files = [file for file in place(row).rglob("*") if file.is_file()]
    found = {file.relative_to(place(row)).as_posix(): pretrained.sha256(file) for file in files}
    assert found == row["saved_model"]
    assert sum(file.stat().st_size for file in files) < 3_000_000


def test_tensorflow_alone_votes_as_well_as_the_card_says(tmp_path):
    (row,) = (row for row in ROWS if row["data"] == "digits")
    test = zoo.data.load("digits").test
    np.save(tmp_path / "x.npy", test.x)
    command = [sys.executable, "-c", _CLIENT, str(place(row)), str(tmp_path / "x.npy")]
    done = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert not done["ours"]
    assert row["score"]["low"] <= np.mean(done["classes"] == test.y) <= row["score"]["high"]
