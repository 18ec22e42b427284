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
x, votes = tf.constant(np.load(sys.argv[1])), []
for folder in sys.argv[2:]:
    served = tf.saved_model.load(folder)
    served.reseed(tf.constant(0, "int64"))
    votes.append(served.vote(x, tf.constant(100)).numpy().tolist())
print(json.dumps({"votes": votes, "ours": sorted({"zoo", "layers", "recipes"} & set(sys.modules))}))
"""


def place(row):
    return (pretrained.folder() / row["file"]).parent / "saved_model"


def test_there_is_one():
    assert {row["model"] for row in ROWS} == {"hypernet_cfnn"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['model']}-{row['weights']}")
def test_its_files_are_those_of_the_manifest_and_small(row):
    files = [file for file in place(row).rglob("*") if file.is_file()]
    found = {file.relative_to(place(row)).as_posix(): pretrained.sha256(file) for file in files}
    assert found == row["saved_model"]
    assert sum(file.stat().st_size for file in files) < 2_000_000


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['model']}-{row['weights']}")
def test_tensorflow_alone_votes_as_an_export_of_the_weights_does(row, tmp_path):
    """The same seed gives the same 100 flips of every image, which do not all agree."""
    model = zoo.build(row["model"], weights=row["weights"], seed=0)
    zoo.export(model, tmp_path / "fresh")
    images = np.random.default_rng(0).integers(0, 256, (16, *model.input_shape[1:])).astype("uint8")
    np.save(tmp_path / "x.npy", images)
    command = [sys.executable, "-c", _CLIENT, *map(str, (tmp_path / "x.npy", place(row), tmp_path / "fresh"))]
    done = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert not done["ours"]
    shipped, fresh = np.array(done["votes"])
    np.testing.assert_array_equal(shipped, fresh)
    assert 0 < shipped.max(axis=-1).min() < 1
