"""Every public name shows an example in its docstring, and the example does what it says."""

import doctest

import keras
import numpy as np
import pytest

import zoo
from zoo import layers, probes, scores, theory, tuning

MODULES = {"layers": layers, "probes": probes, "scores": scores, "theory": theory, "tuning": tuning}
NAMES = {"keras": keras, "np": np, "zoo": zoo, **MODULES}


def public():
    """Qualified name -> class or function of the public surface."""
    found = {
        "zoo.data.load": zoo.data.load,
        "zoo.data.Batches": zoo.data.Batches,
        "zoo.data.fit_input": zoo.data.fit_input,
        "zoo.data.Split.batches": zoo.data.Split.batches,
        "zoo.data.Split.as_dataset": zoo.data.Split.as_dataset,
    }
    for module in (zoo, layers, probes, scores):
        for name in module.__all__:
            one = getattr(module, name)
            if callable(one):
                found[f"{module.__name__}.{name}"] = one
    for module in (theory, tuning):
        own = {name: one for name, one in vars(module).items() if getattr(one, "__module__", "") == module.__name__}
        found |= {f"{module.__name__}.{name}": one for name, one in own.items() if callable(one) and name[0] != "_"}
    return found | {f"model {name}": zoo.registry.find(name).builder for name in zoo.list_models()}


PUBLIC = public()
pytestmark = pytest.mark.on_tensorflow


@pytest.mark.parametrize("name", PUBLIC)
def test_the_example_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (example,) = doctest.DocTestFinder(recurse=False).find(PUBLIC[name], name, globs=dict(NAMES))
    assert example.examples, "no example"
    report = []
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    doctest.DocTestRunner(optionflags=flags).run(example, out=report.append)
    assert not report, "".join(report)
