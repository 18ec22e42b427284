"""Writers of exports: by TensorFlow here, or from another backend in a process of TensorFlow."""

import contextlib
import importlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from zoo.amplification.coin_graph import has_coins
from zoo.graph import describe
from zoo.serving.endpoints import endpoints, reseed, signatures, with_named_outputs
from zoo.serving.plain_export import write_plain
from zoo.serving.runtimes import disk_errors

# Exit codes of the other process, as in <sysexits.h>; the more special errors are first.
_ERRORS: dict[int, type[Exception]] = {
    69: ModuleNotFoundError,
    72: ImportError,
    71: MemoryError,
    74: OSError,
    65: ValueError,
}
_KNOWN = ("keras", "zoo", "builtins")  # what the other process imports by itself


def check_movable(model: keras.Model) -> None:
    """Check that the process of TensorFlow, where one has to write, can import the classes that a model is made of.

    Raises:
        ValueError: If one is of the program itself.
    """
    if keras.backend.backend() != "tensorflow":
        _modules(model)


def write_everywhere(model: keras.Model, folder: Path, settings: dict[str, Any]) -> None:
    """Write a model to a folder.

    Args:
        model: The model; a prepared one for `write_plain`.
        folder: An empty folder.
        settings: The arguments of `write_plain`; or `class_names` and, if any, `max_samples`, for the SavedModel with
            all endpoints, whose coins flip.
    """
    if keras.backend.backend() == "tensorflow":
        _write(model, folder, settings)
    else:  # only TensorFlow writes SavedModels with variables that a loop assigns
        _in_tensorflow(model, folder, settings)


def _write(model: keras.Model, folder: Path, settings: dict[str, Any]) -> None:
    write = write_plain if "format" in settings else _write_archive
    write(model, folder, **settings)


def _in_tensorflow(model: keras.Model, folder: Path, settings: dict[str, Any]) -> None:
    """Write a model of another backend in a process of TensorFlow."""
    if importlib.util.find_spec("tensorflow") is None:
        raise ModuleNotFoundError("`export` needs TensorFlow: pip install tensorflow", name="tensorflow")
    with tempfile.TemporaryDirectory() as scratch:
        saved = Path(scratch) / "model.keras"
        told = {"modules": _modules(model), "settings": settings}
        model.save(saved)
        environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        command = [sys.executable, "-m", "zoo.serving.writers", str(saved), str(folder)]
        # Told by stdin: an argument holds 128 KiB, the names of thousands of classes more.
        options = {"input": json.dumps(told), "env": environment, "capture_output": True, "text": True}
        done = subprocess.run(command, check=False, **options)
    if done.returncode in _ERRORS:
        told = next(line for line in reversed(done.stderr.splitlines()) if line.startswith('"'))
        raise _ERRORS[done.returncode](json.loads(told))
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(
            f"The TensorFlow process that writes the {settings.get('format', 'SavedModel')} failed: {last}"
        )


def _modules(model: keras.Model) -> list[str]:
    """List the modules of the classes and functions that a model's config names, without Keras's and ours.

    Raises:
        ValueError: If the program itself, which no other process can import, defines one.
    """
    found: set[str] = set()

    def look(config: Any) -> None:
        if isinstance(config, list | tuple):
            for one in config:
                look(one)
        if not isinstance(config, dict):
            return
        if {"class_name", "config", "module", "registered_name"} <= config.keys():
            module = config["module"] or "__main__"  # Keras writes None for it
            if module == "__main__":
                name = config["config"]
                called = f"{config['class_name']} {(name.get('name') if isinstance(name, dict) else name)!r}"
                raise ValueError(
                    f"`model` must be made of classes and functions of modules on {keras.backend.backend()}, where a "
                    "process of TensorFlow imports them to write: put them in a module, or export with "
                    f"KERAS_BACKEND=tensorflow. Received: {describe(model)} with {called}, which the program itself "
                    "(__main__) defines"
                )
            if module.partition(".")[0] not in _KNOWN:
                found.add(module)
        for one in config.values():
            look(one)

    look({**keras.saving.serialize_keras_object(model), "compile_config": None})  # how it was trained is not exported
    return sorted(found)


def _write_archive(
    model: keras.Model, folder: Path, class_names: list[str] | None, max_samples: int | None = None
) -> None:
    import tensorflow as tf

    archive = keras.export.ExportArchive()
    archive.track(model)
    fresh, coins = tf.Variable(tf.constant(True), trainable=False), has_coins(model)
    if coins:
        archive._tf_trackable.fresh = fresh  # Keras tracks layers only
    named = {}
    for name, function, numbers in endpoints(model, fresh, max_samples):
        for inputs, suffix in zip(signatures(model), ("", "_uint8"), strict=False):
            function.get_concrete_function(*inputs, *numbers)
            named[name + suffix] = with_named_outputs(model, function, [*inputs, *numbers])
        archive.add_endpoint(name, function)
    named["serving_default"] = named["serve"]
    if coins:
        seed = [tf.TensorSpec((), "int64", name="seed")]
        start = archive.add_endpoint("reseed", reseed(model, fresh), seed)
        named["reseed"] = tf.function(lambda seed: {"seed": start(seed)}, seed).get_concrete_function()
    if class_names is not None:
        given = archive.add_endpoint("class_names", tf.function(lambda: tf.constant(class_names), []), [])
        named["class_names"] = tf.function(lambda: {"class_names": given()}, []).get_concrete_function()
    archive._filter_and_track_resources()  # as `write_out`, whose signatures call all outputs output_0
    for kind in ("variables", "trainable_variables", "non_trainable_variables"):
        # Keras's variables would be written beside TensorFlow's, which they hold: every number twice.
        found = getattr(archive._tf_trackable, kind)
        setattr(archive._tf_trackable, kind, [one.value if isinstance(one, keras.Variable) else one for one in found])
    with _names_file(class_names) as file, disk_errors():
        if file is not None:
            archive._tf_trackable.class_names_file = tf.saved_model.Asset(str(file))
        tf.saved_model.save(archive._tf_trackable, str(folder), signatures=named)


@contextlib.contextmanager
def _names_file(class_names: list[str] | None) -> Iterator[Path | None]:
    """Yield a file of one class name a line, or None without names; a name keeps to its line."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "class_names.txt"
        if class_names is not None:
            file.write_text("".join(" ".join(name.splitlines()) + "\n" for name in class_names), encoding="utf-8")
        yield file if class_names is not None else None


def _load(file: str, modules: list[str]) -> keras.Model:
    """Load a model whose classes lie in modules.

    Raises:
        ValueError: If a module cannot be imported, or does not define its class where it is imported.
    """
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:  # whatever somebody's module raises
            raise ValueError(
                "`model` must be made of classes of modules that a process of TensorFlow can import. Received: "
                f"classes of {module!r}: {type(error).__name__}: {error}"
            ) from error
    try:
        return keras.saving.load_model(file, compile=False)
    except TypeError as error:  # of a class that is not found, in those of all that it lies in
        reason = str(error).rpartition("Exception encountered: ")[2].partition(". Make sure")[0]
        raise ValueError(
            "`model` must be made of classes that are registered, by @keras.saving.register_keras_serializable(), "
            f"wherever their modules are imported. Received: {reason}"
        ) from error


def main() -> None:
    """Write a `.keras` file for a runtime: the TensorFlow process of the other backends."""
    told = json.load(sys.stdin)
    try:
        _write(_load(sys.argv[1], told["modules"]), Path(sys.argv[2]), told["settings"])
    except tuple(_ERRORS.values()) as error:
        reason = getattr(error, "strerror", None) or str(error)
        print(f"\n{json.dumps(reason)}", file=sys.stderr)  # in one line, after whatever was printed before
        sys.exit(next(code for code, kind in _ERRORS.items() if isinstance(error, kind)))


if __name__ == "__main__":
    import tensorflow as tf

    tf.config.set_visible_devices([], "GPU")  # the device is the other backend's
    main()
