"""Export a model for other runtimes; in a SavedModel of a coin-flipping one the number of flips is chosen there."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from zoo.amplification.coin_graph import flipping_graph, has_coins, votes
from zoo.graph import check_model
from zoo.layers.arguments import boolean, check_known, one_of, positive_int
from zoo.layers.score_masked import masked_layers
from zoo.serving.plain_export import COINS, prepared
from zoo.serving.plain_folder import check_folder, new_folder, next_version
from zoo.serving.runtimes import FORMATS, RUNTIMES, check_installed
from zoo.serving.saved_model_folder import check_replaceable, replacement
from zoo.serving.writers import check_movable, write_everywhere
from zoo.weights.fold import fold


def export(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    class_names: Sequence[str] | None = None,
    overwrite: bool = False,
    format: str = "saved_model",
    coins: str = "live",
    serving: bool = False,
    max_samples: int | None = None,
) -> Path:
    """Write a SavedModel, or the file of another runtime, that needs neither zoo nor Keras where it is loaded.

    A model without coins has one endpoint, `serve(images)`, or `serve(x, condition)` and the like where it has several
    inputs; of score-masked layers the file holds weight times mask. A model that flips coins without a vote has
    `reseed`, too.
    Endpoints of a coin-flipping model that votes; images are raw pixels in [0, 255], uint8 or float32,
    `(batch, height, width, channels)`, and several inputs or outputs are as the model has them:

    - `serve(images)`: the model as it is, with its own number of flips and vote, `(batch, classes)`;
    - `vote(images, samples)`: histogram of `samples` flips, an int32 scalar >= 1, ties to the soft vote;
    - `mean(images, samples)`: the soft vote of `samples` flips;
    - `single(images)`: class probabilities of one flip;
    - `adaptive(images, error, max_samples)`, of one vote on classes or labels: as many flips as each example needs, a
      dict of `classes`, `samples`, `status` and `counts` as in `zoo.adaptive_vote`; a float32 and an int32 scalar;
    - `reseed(seed)`: start all coins from an int64 scalar; returns it.

    Other inputs keep their dtypes: integers, as of tokens, stay integers, and the argument of a single such input has
    its name. The signatures, by which servers call the endpoints, have the same names; those of the endpoints for uint8
    are `serve_uint8` and the like. They give dicts of the model's `output_names`; `reseed` gives `seed`.
    With `class_names` there is `class_names()`, strings in the order of the classes, and `assets/class_names.txt`.
    `samples`, `error` and `max_samples` may also be given once per example, the same in all.

    With another `format` the folder holds one file, `model.onnx`, `model.tflite` (LiteRT) or `model.xml` with
    `model.bin` (OpenVINO), of one function from the model's inputs, by the names above, to its outputs; a SavedModel
    with coins "off" or "input" has one such function, `serve`. All flips of a batch run at once, as many as the model
    has (`zoo.amplify` chooses them), for any batch. `model.json` beside it, in a SavedModel among the assets, tells
    names, shapes, dtypes, flips and classes. What was written is opened by its own runtime and compared with the model
    on random inputs before the folder gets its name. With coins "live" the runtime draws, all numbers of a call by one
    operation, and each process has coins of its own; ONNX Runtime's sessions in one process have the same, unless
    `onnxruntime.set_seed` comes between. With coins "input" whoever calls gives the random numbers: `model.json` says
    name, dtype, shape and law of each, and `zoo.serving.noise.draw` draws them with NumPy. The same numbers always
    give the same votes. OpenVINO computes in bfloat16 where the processor can, unless it is told
    `{"INFERENCE_PRECISION_HINT": "f32"}`.

    Calls in several threads at once may flip the same coins: each is a vote, but do not add them up.
    A fresh load flips coins of its own from the system's entropy; after `reseed(seed)` the flips that follow are the
    same in every process. Keep the loaded object alive while its endpoints are used.

    Args:
        model: A Functional or Sequential model.
        path: Folder to write, in every format; it appears whole or not at all.
        class_names: None, or the different names of the classes on the last axis of the model's one output (two names
            where it has one unit); `zoo.data` has those of a data set.
        overwrite: Whether a SavedModel at `path`, or with another format its files, may be replaced, whoever wrote
            them; they stay until the new ones are whole. One of these and nothing else is ever replaced: no folder in
            which anything else lies, no file, no link.
        format: "saved_model", "onnx", "openvino" or "litert".
        coins: "live": they flip; "off": each is replaced by its mean; "input": the random numbers are inputs.
        serving: Whether `path` is a model's folder as TensorFlow Serving watches it: the SavedModel becomes its next
            version, `path/1` at first; of two processes each gets one of its own.
        max_samples: Positive int, the most flips that a caller of `vote`, `mean` and `adaptive` may ask for; None is no
            limit.

    Returns:
        The folder that was written: `path`, or the version in it.

    Raises:
        FileExistsError: If `path` exists and `overwrite` is False, or it is no such export or holds something else.
        OSError: If it cannot be written: a full disk, a folder that is read-only.
        ValueError: If the model is not Functional, or votes and cannot be amplified, `path` does not end in a name,
            `class_names` are not names for its classes, `max_samples` is no positive int or no such endpoint is
            written, or a runtime cannot do what the model does; the message gives the reason and the nearest
            combination that works. On another backend than TensorFlow, whose process writes, also if a class of the
            model lies in no module that it can import.
        ModuleNotFoundError: If TensorFlow, or what the format needs, is not installed; the message names the extra.

    Example:
        >>> model = zoo.build("stochastic_mlp", seed=0)
        >>> folder = zoo.export(model, "saved")
        >>> (folder / "saved_model.pb").is_file()
        True
    """
    check_model(model)
    names = _checked(model, class_names)
    check_known("format", format, FORMATS)
    one_of("coins", coins, COINS)
    asked = Path(path)
    places = [_place(asked, format, serving, overwrite)]
    settings: dict[str, Any] = {"class_names": names}
    if max_samples is not None:
        settings["max_samples"] = _limit(max_samples, model, format, coins)
    if format != "saved_model" or coins == "input" or (coins == "off" and has_coins(model)):
        check_installed(format)
        model = prepared(model, coins)
        settings |= {"format": format, "coins": coins}
    elif votes(model):
        flipping_graph(model)  # refuses what cannot be taken apart before anything is written
    elif masked_layers(model):
        model = fold(model)
    check_movable(model)

    def following() -> Path:
        places.append(next_version(asked))
        return places[-1]

    if format == "saved_model":
        written = replacement(places[0], overwrite and not serving, following if serving else None)
    else:
        written = new_folder(places[0], overwrite, RUNTIMES[format].files)
    try:
        with written as part:
            write_everywhere(model, part, settings)
    except FileExistsError:
        raise
    except OSError as error:  # the name in it is that of a part, if any
        reason = error.strerror or str(error)
        wanted = f"{'a SavedModel' if format == 'saved_model' else f'a folder of {format}'} can be written"
        raise OSError(f"`path` must be where {wanted}: {reason}. Received: path={str(places[-1])!r}") from error
    return places[-1]


def _limit(max_samples: int, model: keras.Model, format: str, coins: str) -> int:
    """Return the limit, or raise a `ValueError` where nobody who calls chooses a number of flips."""
    if format != "saved_model" or coins != "live" or not votes(model):
        raise ValueError(
            "`max_samples` must be None unless a SavedModel of a model that votes, with live coins, is written. "
            f"Received: max_samples={max_samples!r}, format={format!r}, coins={coins!r}"
        )
    return min(positive_int("max_samples", max_samples), 2**31 - 1)  # the endpoints take an int32


def _place(path: Path, format: str, serving: bool, overwrite: bool) -> Path:
    """Return the folder to write to, after a check that it may be written."""
    boolean("serving", serving)
    if serving:
        if format != "saved_model":
            raise ValueError(f'`serving` must be False unless format="saved_model". Received: format={format!r}')
        path = next_version(path)
    if format == "saved_model":
        check_replaceable(path, overwrite)
    else:
        check_folder(path, overwrite, RUNTIMES[format].files)
    return path


def _checked(model: keras.Model, class_names: Sequence[str] | None) -> list[str] | None:
    if class_names is None:
        return None
    units = [x.shape[-1] for x in model.outputs]
    wanted = [2 if one == 1 else one for one in units]
    names = list(class_names) if not isinstance(class_names, str) else []
    if wanted != [len(names)] or not all(isinstance(one, str) and one for one in names) or len(set(names)) < len(names):
        raise ValueError(
            "`class_names` must be None or different names, one for each class of the model's one output. Received: "
            f"class_names={class_names!r} for outputs of {', '.join(map(str, units))} units"
        )
    return names
