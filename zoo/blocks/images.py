"""Models of images: the input, the output and the default number of flips that the families have in common."""

from typing import Any

import keras

from zoo.layers import NormalizePixels


def check_images(input_shape: Any, classes: Any) -> None:
    """Raise a `ValueError` unless these are images from 8x8x1 up and at least two classes.

    Example:
        >>> zoo.blocks.images.check_images((32, 32, 3), classes=10)
    """
    sizes = tuple(input_shape) if isinstance(input_shape, tuple | list) else ()
    if len(sizes) != 3 or any(not isinstance(n, int) for n in sizes) or min(sizes[:2]) < 8 or sizes[2] < 1:
        raise ValueError(f"`input_shape` must be (height, width, channels) from (8, 8, 1) up. Received: {input_shape}")
    if not isinstance(classes, int) or classes < 2:  # a NumPy int would be refused by Keras's Dense
        raise ValueError(f"`classes` must be an int >= 2. Received: classes={classes!r}")


def image_input(input_shape: Any, classes: Any, mean: Any, variance: Any) -> tuple[Any, Any]:
    """Input of an image model and its normalised pixels, both `(batch, *input_shape)`.

    Args:
        input_shape: `(height, width, channels)`, from (8, 8, 1) up; pixels are in [0, 255].
        classes: Int >= 2; it is only checked.
        mean: Number, or one per channel, see `NormalizePixels`.
        variance: Positive number, or one per channel.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> inputs, pixels = zoo.blocks.images.image_input((32, 32, 3), 10, mean=0.5, variance=0.0625)
        >>> inputs.shape == pixels.shape
        True
    """
    check_images(input_shape, classes)
    inputs = keras.Input(input_shape)
    return inputs, NormalizePixels(mean, variance)(inputs)


def class_probabilities(logits):
    """Softmax of logits `(batch, classes)`, in float32 under every dtype policy.

    Example:
        >>> p = zoo.blocks.images.class_probabilities(np.array([[0.0, np.log(3.0)]]))
        >>> keras.ops.convert_to_numpy(p).round(2).tolist()
        [[0.25, 0.75]]
    """
    return keras.layers.Softmax(dtype="float32")(logits)


def flips_of_the_paper(samples: int | None, classes: int) -> int:
    """`samples`, or if it is None the coin-flipping paper's 25, and 125 from 100 classes on.

    Example:
        >>> [zoo.blocks.images.flips_of_the_paper(None, classes) for classes in (10, 100)]
        [25, 125]
    """
    if samples is not None:
        return samples
    return 125 if classes >= 100 else 25
