"""The head of a classifier, which is its last linear layer and what makes its weights; and the model without it."""

import keras

from zoo.amplification.coin_graph import has_coins, with_amplification
from zoo.graph import ends, last_operation, nodes_of, uncompiled


def without_head(model: keras.Model, coins: bool = True) -> keras.Model:
    """Return a classifier of one input up to the input of its last linear layer, over the same variables.

    Args:
        model: Functional model whose output is made of its last linear layer's by layers without weights.
        coins: Whether coins flip as in `model`; without them there is one row per example, and every coin that is in
            what is left is replaced by its mean.

    Returns:
        A model from the same inputs to features, `(batch, ...)`, or `(batch * samples, ...)` where rows are flips;
        those of one example are contiguous.
    """
    graph = uncompiled(model)
    if not coins and has_coins(graph):
        graph = with_amplification(graph, 1, "mean", flip_at_inference=False)
    layer = last_operation(graph.outputs[0])
    while True:
        given = nodes_of(graph, layer)[0].input_tensors
        if len(given) > 1 or getattr(layer, "weights", None):  # several: a kernel, too, that other layers make
            return keras.Model(ends(graph)[0], given[0], name=model.name)
        layer = last_operation(given[0])
