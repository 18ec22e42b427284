"""Images in TFRecord files as tensorflow_datasets writes them: found by row, decoded by nobody before they are read."""

import mmap
import os
from collections.abc import Iterator, Sequence

import numpy as np

from zoo.data.lazy_images import LazyImages
from zoo.data.split import Split


def read_tfrecords(files: Sequence[str], counts: Sequence[int], size: tuple[int, int], resize: str) -> Split:
    """List the examples of a split's files in stored order, images left where they are.

    Every file is gone through once for labels and for where the images lie, 40 bytes in memory for each; checksums are
    not compared. An example has an encoded `image` and an int `label`; what else it has is passed over.

    Args:
        files: Paths of the files.
        counts: The number of examples each must have.
        size: Height and width of the images to be read, see `LazyImages`.
        resize: How they come to that size, likewise.

    Raises:
        ValueError: If a file is damaged or has another number of examples.
        OSError: If it cannot be read.
    """
    rows = []
    for index, (file, count) in enumerate(zip(files, counts, strict=True)):
        found = np.array(list(_examples(file)), np.int64).reshape(-1, 3)
        if len(found) != count:
            raise ValueError(f"{file!r} must hold {count} examples. Received: {len(found)}")
        rows.append(np.c_[np.full(count, index), found])
    table = np.concatenate(rows)
    return Split(LazyImages(files, table[:, :3], size, resize), table[:, 3].copy())


def _examples(file: str) -> Iterator[tuple[int, int, int]]:
    """First byte and number of bytes of every image, and its label."""
    end = os.path.getsize(file)
    if not end:
        return
    with open(file, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = 0
        while at < end:  # a record: length (8 bytes), checksum (4), content, checksum (4)
            start = at + 12
            stop = start + int.from_bytes(data[at : at + 8], "little")
            at = stop + 4
            if at > end:
                raise ValueError(f"{file!r} must hold whole records. Received: one that ends after the file")
            image, label = _image_and_label(data, start, stop)
            yield image[0], image[1] - image[0], _varint(data, label[0])[0]


def _image_and_label(data: mmap.mmap, start: int, stop: int) -> list[tuple[int, int]]:
    """Find the first and last byte of `image` and `label` in a serialized tf.train.Example."""
    values = {}
    [features] = _fields(data, start, stop)
    for feature in _fields(data, *features):  # entries of a map, a key and a value each
        key, value = _fields(data, *feature)
        name = data[slice(*key)]
        if name in (b"image", b"label"):
            [values_list] = _fields(data, *value)
            [values[name]] = _fields(data, *values_list)  # one string of bytes, or packed ints
    return [values[b"image"], values[b"label"]]


def _fields(data: mmap.mmap, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """List the bytes at which the fields of a protocol buffer begin and end; all of them are length-delimited here."""
    while start < stop:
        tag, start = _varint(data, start)
        length, start = _varint(data, start)
        if tag & 7 != 2 or start + length > stop:
            raise ValueError(f"an example must be a tf.train.Example. Received: other bytes before byte {start}")
        yield start, start + length
        start += length


def _varint(data: mmap.mmap, at: int) -> tuple[int, int]:
    """The int that begins at a byte, seven bits per byte, and the first byte after it."""
    value = shift = 0
    while True:
        byte = data[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at
