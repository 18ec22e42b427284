"""The data that a trained model is evaluated on: its own, as its run read them, or others, read alike."""

from typing import Any

from zoo.data.datasets import NAMES, Dataset, load
from zoo.recipes.training.absolute_paths import absolute
from zoo.recipes.training.run_config import numbers_of_examples
from zoo.recipes.training.trained import Trained


def data_to_evaluate(
    trained: Trained,
    name: str | None = None,
    data_dir: str | None = None,
    *,
    split: str = "test",
    image_size: int | None = None,
) -> Dataset:
    """Load data, with images of the model's size and, where they have names, classes of the model's numbers.

    Args:
        trained: A trained model.
        name: Name or path of the data; None is what it was trained on.
        data_dir: Folder of the TensorFlow datasets.
        split: "train", "val" or "test", which of them is evaluated.
        image_size: Height and width of the images; None is that of the run.

    Raises:
        ValueError: If a run's own data have changed and the split was held out of them: the run was trained on some
            of the examples that are held out now. Or the data are refused, see `zoo.data.load`.
    """
    chosen = name or trained.data
    own = absolute(chosen) == absolute(trained.data)
    loading = {**(trained.loading or {})} if own else _for_others(trained, chosen)
    if image_size is not None:
        loading["image_size"] = image_size
    if chosen not in NAMES:
        loading["class_names"] = trained.class_names  # classes have the model's numbers, not those of other data
    found = load(chosen, data_dir, **loading)
    now = numbers_of_examples(found)
    if own and split != "train" and trained.examples not in (None, now):
        brought = load(chosen, data_dir, **{**loading, "validation": 0, "test": 0})
        if not len(getattr(brought, split).y):
            raise ValueError(
                f"The data have changed since the run was trained, with examples={trained.examples!r}: what is held "
                f"out for {split} now has some of those. Evaluate new images by a path of their own. "
                f"Received: {chosen!r} with examples={now!r}"
            )
    return found


def _for_others(trained: Trained, name: str) -> dict[str, Any]:
    """How a run's images came to their size, as far as it can be said of other data."""
    loading = {key: (trained.loading or {}).get(key) for key in ("image_size", "resize")}
    if loading["resize"] == "imagenet" and (name in NAMES or name.lower().endswith(".npz")):
        loading["resize"] = None  # it is a way of files
    return {key: value for key, value in loading.items() if value is not None}
