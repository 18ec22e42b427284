"""Every public name shows an example in its docstring, and the example does what it says."""

import doctest
import importlib.util
from pathlib import Path

import keras
import numpy as np
import pytest

import zoo
from zoo import layers, probes, scores, theory, tuning

MODULES = {"layers": layers, "probes": probes, "scores": scores, "theory": theory, "tuning": tuning}
NAMES = {"keras": keras, "np": np, "zoo": zoo, **MODULES}


def public():
    """Name -> class or function of the public surface: all that the site's reference has, and two methods."""
    path = Path(__file__).parents[1] / "docs/extensions/public_names.py"
    spec = importlib.util.spec_from_file_location("public_names", path)
    public_names = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(public_names)
    methods = {f"zoo.data.Split.{name}": getattr(zoo.data.Split, name) for name in ("batches", "as_dataset")}
    return {name: public_names.find(name) for page in public_names.pages() for name in page.names} | methods


PUBLIC = public()
pytestmark = pytest.mark.on_tensorflow


def test_every_public_name_is_there():
    for module in (zoo, layers, probes, scores, zoo.data):
        exported = (name for name in module.__all__ if callable(getattr(module, name)))
        assert {f"{module.__name__}.{name}" for name in exported} <= set(PUBLIC)
    assert {"zoo.theory.majority_accuracy", "zoo.tuning.hypermodel", *zoo.list_models()} <= set(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_the_example_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (example,) = doctest.DocTestFinder(recurse=False).find(PUBLIC[name], name, globs=dict(NAMES))
    assert example.examples, "no example"
    report = []
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    doctest.DocTestRunner(optionflags=flags).run(example, out=report.append)
    assert not report, "".join(report)
