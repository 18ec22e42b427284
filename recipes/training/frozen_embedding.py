"""The frozen N_e of a trained hypernetwork CFNN, under a new linear layer (the ablation of Table 4)."""

import keras

from zoo.recipes.training.trained import load_trained

_LAYER = "embedding"


def take_frozen_embedding(model: keras.Model, run: str) -> None:
    """Give a model the embedding network of a finished run and freeze it there; only the layers above are trained.

    Args:
        model: A `hypernet_deterministic` or another model with a layer called "embedding", not compiled yet.
        run: Folder of a run of such a model, e.g. of `hypernet_cfnn`; its last weights are taken.

    Raises:
        FileNotFoundError: If `run` is not the folder of a run with last weights.
        ValueError: If one of the models has no such layer, or they differ below it.

    Reference: Coin-Flipping Neural Networks, appendix E.
    """
    source, target = (_up_to_embedding(one) for one in (load_trained(run).model, model))
    shapes = [[tuple(weight.shape) for weight in half.weights] for half in (source, target)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"`frozen_from` must be a run with the same embedding network (depth, embedding_dim, input_shape). "
            f"Received: frozen_from={run!r}"
        )
    target.set_weights(source.get_weights())
    for layer in target.layers:
        layer.trainable = False


def _up_to_embedding(model: keras.Model) -> keras.Model:
    if _LAYER not in [layer.name for layer in model.layers]:
        raise ValueError(f"`frozen_from` needs models with a layer called {_LAYER!r}. Received: {model.name!r}")
    return keras.Model(model.input, model.get_layer(_LAYER).output)
