"""Runtimes of exported models: how each gets its file and opens it again, with names for inputs and outputs."""

import contextlib
import importlib.util
import io
import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from zoo.serving.noise import FILE

Run = Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]
_OPSET = 17  # of ONNX, from 2022


class Runtime(NamedTuple):
    """A format of files and the runtime that opens them.

    Attributes:
        write: Writes a concrete TensorFlow function of named tensors to a folder, and `model.json`, whose content is
            the third argument; in a SavedModel it is an asset.
        load: Opens the folder; gives a function of arrays by the inputs' names to arrays by the outputs' names.
        files: Names of the files in the folder; none for a SavedModel, whose folder is checked otherwise.
        packages: What must be installed, as Python imports it.
    """

    write: Callable[[Any, Path, bytes], None]
    load: Callable[[Path], Run]
    files: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


def check_installed(name: str) -> None:
    """Raise a `ModuleNotFoundError` that names the extra if a runtime's packages are not installed."""
    missing = [one for one in RUNTIMES[name].packages if importlib.util.find_spec(one) is None]
    if missing:
        raise ModuleNotFoundError(
            f"`format`={name!r} needs {', '.join(missing)}: pip install 'coinflip-zoo[{name}]'", name=missing[0]
        )


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """Turn what TensorFlow makes of a full disk and the like into an `OSError`."""
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        reason = error.message.splitlines()[0].rpartition("; ")[2]  # after the op, the device and the part's name
        raise OSError(re.sub(r" \[Op:\w+\]$", "", reason)) from error


def _write_saved_model(function, folder: Path, about: bytes) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        asset = Path(scratch) / FILE
        asset.write_bytes(about)
        _save(function, folder, asset)


def _save(function, folder: str | Path, asset: Path | None = None) -> None:
    """Write a SavedModel, which OpenVINO and LiteRT convert, too."""
    import tensorflow as tf

    module, names = tf.Module(), _names(function)
    if asset is not None:
        module.asset = tf.saved_model.Asset(str(asset))
    module.serve = tf.function(lambda *given: function(*given), autograph=False)  # named by the specifications
    specs = [tf.TensorSpec(x.shape, x.dtype, name=name) for x, name in zip(function.inputs, names, strict=True)]
    signature = module.serve.get_concrete_function(*specs)
    # The graph is for inference, and a frozen one has lost what gradients of its own, as SiLU's, refer to.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    with disk_errors():
        tf.saved_model.save(module, str(folder), {"serving_default": signature, "serve": signature}, options)


def _load_saved_model(folder: Path) -> Run:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    serve = loaded.signatures["serving_default"]

    def run(given):
        _ = loaded  # it must live as long as its signature
        return {name: one.numpy() for name, one in serve(**{n: tf.constant(x) for n, x in given.items()}).items()}

    return run


def _write_onnx(function, folder: Path, about: bytes) -> None:
    import tf2onnx

    inputs, outputs = [x.name for x in function.inputs], function.structured_outputs
    with _quiet():
        made, _ = tf2onnx.convert.from_graph_def(
            function.graph.as_graph_def(),
            input_names=inputs,
            output_names=[x.name for x in outputs.values()],
            opset=_OPSET,
            tensors_to_rename={
                **dict(zip(inputs, _names(function), strict=True)),
                **{x.name: name for name, x in outputs.items()},
            },
        )
    for node in made.graph.node:
        if node.op_type.startswith("Random"):  # a seed in the file would replay the coins at every load
            for one in [one for one in node.attribute if one.name == "seed"]:
                node.attribute.remove(one)
    (folder / "model.onnx").write_bytes(made.SerializeToString())
    (folder / FILE).write_bytes(about)


def _load_onnx(folder: Path) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _cores()  # by itself it counts cores that this process may not use, and waits busily
    path, providers = str(folder / "model.onnx"), ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(path, options, providers=providers)
    names = [one.name for one in session.get_outputs()]
    return lambda given: dict(zip(names, session.run(None, given), strict=True))


def _write_openvino(function, folder: Path, about: bytes) -> None:
    import openvino

    with tempfile.TemporaryDirectory() as scratch:
        _save(function, scratch)
        made = openvino.convert_model(scratch)
    openvino.save_model(made, folder / "model.xml", compress_to_fp16=False)
    (folder / FILE).write_bytes(about)


def _load_openvino(folder: Path) -> Run:
    import openvino

    # by itself it computes in bfloat16 where the processor can
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": str(_cores())}
    compiled = openvino.Core().compile_model(folder / "model.xml", "CPU", options)
    names = [next(iter(one.get_names())) for one in compiled.outputs]
    return lambda given: dict(zip(names, (x.copy() for x in compiled(given).values()), strict=True))


def _write_litert(function, folder: Path, about: bytes) -> None:
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as scratch, _quiet():
        _save(function, scratch)
        converter = tf.lite.TFLiteConverter.from_saved_model(scratch, signature_keys=["serving_default"])
        (folder / "model.tflite").write_bytes(converter.convert())
    (folder / FILE).write_bytes(about)


def _load_litert(folder: Path) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(str(folder / "model.tflite")).get_signature_runner("serving_default")
    return lambda given: {name: np.array(one) for name, one in runner(**given).items()}


def _cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _names(function) -> list[str]:
    return [x.name.split(":")[0] for x in function.inputs]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what converters say beside their errors from the terminal."""
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)


RUNTIMES = {
    "saved_model": Runtime(_write_saved_model, _load_saved_model),
    "onnx": Runtime(_write_onnx, _load_onnx, ("model.onnx",), ("onnx", "onnxruntime", "tf2onnx")),
    "openvino": Runtime(_write_openvino, _load_openvino, ("model.xml", "model.bin"), ("openvino",)),
    "litert": Runtime(_write_litert, _load_litert, ("model.tflite",), ("ai_edge_litert",)),
}
FORMATS = tuple(RUNTIMES)
