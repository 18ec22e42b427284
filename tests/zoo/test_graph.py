"""The graph of a model: its nodes in order, its layers at any depth, and one reader of Keras's private names."""

import re
from pathlib import Path

import keras
import pytest

import zoo
from zoo.graph import inner_layers, last_operation, nodes, nodes_of, uncompiled

PRIVATE = re.compile(r"_nodes_by_depth|_flatten_layers|_keras_history|_compile_config|_tracker")
ALLOWED = {
    "zoo/graph.py",
    "layers/coin_flip.py",
    "layers/coins.py",
    "layers/flip_rows.py",
    "layers/majority_vote.py",
    "layers/score_masked.py",
}  # layers know nothing of zoo


def test_nodes_come_after_their_inputs():
    shared, inputs = keras.layers.Dense(3), keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Add()([shared(inputs), shared(shared(inputs))]))
    met = {id(x) for x in model.inputs}
    for node in nodes(model):
        assert node.is_input or all(id(x) in met for x in node.input_tensors)
        met |= {id(x) for x in node.outputs}
    assert len(nodes_of(model, shared)) == 3
    assert type(last_operation(model.output)) is keras.layers.Add


def test_inner_layers_are_found_at_any_depth():
    inner = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="deep")])
    model = keras.Sequential([keras.Input((4, 2)), keras.layers.TimeDistributed(inner)])
    assert "deep" in [layer.name for layer in inner_layers(model)]


def test_uncompiled_shares_the_variables():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    plain = uncompiled(model)
    assert not plain.compiled
    assert all(a is b for a, b in zip(plain.weights, model.weights, strict=True))
    with pytest.raises(ValueError, match="built"):
        uncompiled(keras.Sequential([keras.layers.Dense(1)]))


def test_only_the_graph_reads_what_keras_keeps_private():
    root = Path(zoo.__file__).parents[1]
    files = [path for room in ("zoo", "layers", "recipes") for path in (root / room).rglob("*.py")]
    found = {path.relative_to(root).as_posix() for path in files if PRIVATE.search(path.read_text())}
    assert found <= ALLOWED
