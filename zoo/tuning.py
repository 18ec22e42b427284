"""Search spaces for keras-tuner: the options declared beside a model's builder, and the optimiser's."""

import math
import os
from typing import Any

import keras
import keras_tuner

from zoo import registry
from zoo.amplification.checks import check_split
from zoo.data.batches import Batches, fit_input
from zoo.data.datasets import Dataset, load
from zoo.graph import check_one_input
from zoo.layers.arguments import check_known

_OPTIMIZER = {"learning_rate": (1e-3, 0.3), "momentum": [0.0, 0.9, 0.95]}


def hypermodel(
    name: str,
    data: str | os.PathLike | Dataset = "digits",
    *,
    data_dir: str | os.PathLike | None = None,
    image_size: int | tuple[int, int] | None = None,
    seed: int = 0,
    **options: Any,
) -> "RegisteredHyperModel":
    """Build a `keras_tuner.HyperModel` over the options declared beside a model's builder and its optimiser's.

    `build` returns the model compiled with SGD (learning rate log-uniform in [1e-3, 0.3], momentum 0, 0.9 or 0.95),
    cross-entropy and accuracy. `fit` adds the callback that the model needs (`RandomizePruned` for IteRand), and fails
    the trial at the end of an epoch whose loss is not finite. The objective to search for is "val_accuracy", the
    random accuracy on validation data. A tuner's `search(epochs=..., batch_size=64)` without data of its own trains
    on `data`, and the callbacks given to it see one training: `EarlyStopping` stops it.

    Args:
        name: A name from `list_models()`.
        data: A name or a path for `zoo.data.load`, or a `Dataset`: input shape, classes and examples.
        data_dir: Local folder of tensorflow_datasets.
        image_size: Height and width of the images of a name or a path, see `zoo.data.load`.
        seed: Int in [0, 2**32), of initial weights, coins and the order of the examples, the same in every trial.
        **options: The builder's own options, fixed: they leave the search space.

    Returns:
        A `RegisteredHyperModel`.

    Raises:
        ValueError: If the name or an option is unknown, the data set has no validation examples, or a declared range
            is neither a list of choices of one type nor a pair `(low, high)` of ints or floats.
        FileNotFoundError: If the data set is not there.

    Example:
        >>> hyper = tuning.hypermodel("resnet20_cfnn", "digits", depth=8)
        >>> sorted(hyper.space)
        ['rate', 'samples', 'weight_decay']
    """
    entry = registry.find(name)
    for option in options:
        check_known("option", option, entry.options)
    space = {option: spec for option, spec in entry.search.items() if option not in options}
    for option, spec in space.items():
        _check_spec(option, spec)
    loaded = data if isinstance(data, Dataset) else load(data, data_dir, image_size=image_size)
    if not len(loaded.val.y):
        raise ValueError("`data` must have validation examples to search with. Received: none")
    sizes = {"input_shape": tuple(loaded.train.x.shape[1:]), "classes": loaded.classes}
    sizes = {option: size for option, size in sizes.items() if option in entry.options}
    return RegisteredHyperModel(name, loaded, space, fixed={**sizes, **options}, seed=seed)


class RegisteredHyperModel(keras_tuner.HyperModel):
    """A keras-tuner HyperModel over one registered model's options and its optimiser's; `hypermodel` builds it.

    Args:
        name: A name from `list_models()`.
        data: Data set of images.
        space: Searched options of the builder: a list of choices or a pair `(low, high)` each.
        fixed: Other options: those of the data and those given to `hypermodel`.
        seed: Int in [0, 2**32), of initial weights, coins and the order of the examples.

    Example:
        >>> hyper = tuning.hypermodel("resnet20_cfnn", "digits", depth=8, samples=1)
        >>> hyper.fixed
        {'input_shape': (8, 8, 1), 'classes': 10, 'depth': 8, 'samples': 1}
    """

    def __init__(self, name: str, data: Dataset, space: dict[str, Any], fixed: dict[str, Any], seed: int) -> None:
        super().__init__(name)
        self.data, self.space, self.fixed, self.seed = data, space, fixed, seed

    def declare_hyperparameters(self, hp: keras_tuner.HyperParameters) -> None:
        """Enter the whole space without building a model."""
        self._draw(hp)

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Build and compile the model of one configuration."""
        drawn = self._draw(hp)
        optimizer = keras.optimizers.SGD(**{key: drawn.pop(key) for key in _OPTIMIZER})
        model = registry.build(str(self.name), seed=self.seed, **{**self.fixed, **drawn})
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        optimizer.build(model.trainable_variables)  # Hyperband resumes from a file that holds the momentum, too
        return model

    def fit(self, hp: keras_tuner.HyperParameters, model: keras.Model, *args: Any, **kwargs: Any):
        """Call `model.fit` once, by default on the hypermodel's data, each epoch in the order that recipes train in.

        Raises:
            keras_tuner.errors.FailedTrialError: If the loss or the validation loss is no longer finite.
        """
        callbacks: list[Any] = [_FailedLoss(), *(kwargs.get("callbacks") or [])]
        if needed := registry.find(str(self.name)).callback:
            callbacks.insert(0, needed(seed=self.seed))
        kwargs["callbacks"] = callbacks
        if args or kwargs.get("x") is not None:
            return model.fit(*args, **kwargs)
        return self._fit(model, **kwargs)

    def _fit(self, model, epochs: int = 1, initial_epoch: int = 0, batch_size: int = 64, **kwargs: Any):
        check_one_input(model)
        check_split(model, self.data.train)
        val = fit_input(Batches(self.data.val.x, self.data.val.y, batch_size, shuffle=False))
        train = Batches(self.data.train.x, self.data.train.y, batch_size, seed=self.seed, epoch=initial_epoch)
        given = {"initial_epoch": initial_epoch, "epochs": epochs, "shuffle": False, "validation_data": val}
        return model.fit(fit_input(train, epochs=True), **{**given, **kwargs})

    def _draw(self, hp: keras_tuner.HyperParameters) -> dict[str, Any]:
        drawn = {option: _drawn(hp, option, spec) for option, spec in self.space.items()}
        drawn["learning_rate"] = hp.Float("learning_rate", *_OPTIMIZER["learning_rate"], sampling="log")
        drawn["momentum"] = hp.Choice("momentum", _OPTIMIZER["momentum"])
        return drawn


class _FailedLoss(keras.callbacks.Callback):
    """Fails the trial where the loss is not finite: the accuracy would still be a number."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        for key, what in {"loss": "loss", "val_loss": "validation loss"}.items():
            value = (logs or {}).get(key, 0.0)
            if not math.isfinite(value):
                raise keras_tuner.errors.FailedTrialError(f"the {what} is {value} after epoch {epoch + 1}")


def _drawn(hp: keras_tuner.HyperParameters, option: str, spec: Any) -> Any:
    if isinstance(spec, tuple):
        return (hp.Int if isinstance(spec[0], int) else hp.Float)(option, *spec)
    if isinstance(spec[0], bool):
        return hp.Boolean(option, default=spec[0])  # a Choice would return 0 and 1
    return hp.Choice(option, spec)


def _check_spec(option: str, spec: Any) -> None:
    kinds = {type(value) for value in spec} if isinstance(spec, list | tuple) else set()
    if isinstance(spec, tuple):
        good = len(spec) == 2 and kinds in ({int}, {float}) and -math.inf < spec[0] < spec[1] < math.inf
    else:
        good = kinds in ({int}, {float}, {str}) or (kinds == {bool} and set(spec) == {False, True})
    if not good:
        raise ValueError(
            f"`search` must give {option!r} a list of choices, all int, float or str, or [False, True], or a pair "
            f"(low, high) of ints or of floats. Received: {option}={spec!r}"
        )
    if option in _OPTIMIZER:
        raise ValueError(f"`search` must not name an option that is the optimiser's. Received: {option}={spec!r}")
