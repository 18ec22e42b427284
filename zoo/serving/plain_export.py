"""A model as one function of plain operations, for any runtime: with its coins off, as inputs, or the runtime's own."""

import contextlib
import re
from pathlib import Path
from typing import Any

import keras

from zoo.amplification.amplified import coins_off
from zoo.amplification.coin_graph import has_coins
from zoo.files import json_bytes
from zoo.graph import describe
from zoo.layers.score_masked import masked_layers
from zoo.serving.comparison import check_law, check_same, flips_of, random_examples
from zoo.serving.endpoints import input_names
from zoo.serving.frozen_graph import FrozenGraph, check_live, exported, frozen_graph, noise_of
from zoo.serving.noise import Noise
from zoo.serving.runtimes import RUNTIMES
from zoo.weights.fold import fold

COINS = ("live", "off", "input")
# The only one that is not written of a frozen graph, and so what is left where that cannot be made.
_WITH_ENDPOINTS = 'format="saved_model" with coins="live" is the nearest.'


def prepared(model: keras.Model, coins: str) -> keras.Model:
    """Return the model as it is exported: its masks folded, its coins off if they are to be.

    Raises:
        ValueError: If it has no coins to be inputs, or coins that cannot be switched off.
    """
    if coins == "input" and not has_coins(model):
        raise ValueError(f'`coins` must be "live" or "off" for a model without coins. Received: {describe(model)}')
    model = fold(model) if masked_layers(model) else model
    return coins_off(model) if coins == "off" else model


def write_plain(model: keras.Model, folder: Path, format: str, coins: str, class_names: list[str] | None) -> None:
    """Write a prepared model to a folder, open it in its runtime and compare.

    Raises:
        ValueError: If the model cannot be written so, or does something else there.
    """
    inputs, runtime = [re.sub(r"\W", "_", name) for name in input_names(model)], RUNTIMES[format]
    with _refused(format, coins, "it draws what cannot be described: "):
        frozen = frozen_graph(model, inputs)
        noise = noise_of(frozen, lambda rows: random_examples(model, rows)) if frozen.draws else []
        if coins == "live":
            check_live(noise)
    if coins == "off" and noise:
        raise ValueError(
            f'`model` flips coins that cannot be switched off. Received: coins="off" for {describe(model)} with '
            f"{', '.join(frozen.draws)}"
        )
    function = exported(frozen, coins, noise)
    about = _about(model, frozen, function, noise if coins == "input" else [], class_names)
    about = {"format": format, "coins": coins, **about}
    with _refused(format, coins, "its operations have no counterpart there: ", _nearest(format, coins)):
        runtime.write(function, folder, json_bytes(about))
    with _refused(format, coins, "it is not the same there: ", _nearest(format, coins)):
        if coins == "live" and noise:
            check_law(model, frozen.inputs, lambda: runtime.load(folder))
        else:
            check_same(frozen, model, runtime.load(folder))


def _about(
    model: keras.Model, frozen: FrozenGraph, function, noise: list[Noise], class_names: list[str] | None
) -> dict[str, Any]:
    def described(named: dict) -> list[dict[str, Any]]:
        return [{"name": n, "dtype": x.dtype.name, "shape": x.shape.as_list()} for n, x in named.items()]

    return {
        "model": model.name,
        "inputs": described({x.name.split(":")[0]: x for x in function.inputs[: len(frozen.inputs)]}),
        "outputs": described(function.structured_outputs),
        "samples": flips_of(model),
        "noise": [one._asdict() for one in noise],
        "class_names": class_names,
    }


@contextlib.contextmanager
def _refused(format: str, coins: str, why: str, nearest: str = _WITH_ENDPOINTS):
    """Turn whatever a converter or a runtime raises into one error that says what works instead."""
    try:
        yield
    except (OSError, ImportError, MemoryError):
        raise
    except Exception as error:  # each converter and runtime has a dozen kinds of its own
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        reason = next((line for line in lines if "op " in line or "operations:" in line), lines[0])
        reason = reason[reason.find("'tf.") if "'tf." in reason else 0 :][:300]
        raise ValueError(
            f"`model` cannot be exported with format={format!r} and coins={coins!r}, because {why}{reason}. {nearest}"
        ) from error


def _nearest(format: str, coins: str) -> str:
    """Name the SavedModel of the same coins, or that with all endpoints."""
    return f'format="saved_model" with coins={coins!r} is the nearest.' if format != "saved_model" else _WITH_ENDPOINTS
