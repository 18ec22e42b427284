"""Plain images: small PNG and JPEG files that TensorFlow decodes many at a time, to the pixels that Pillow finds.

A third to a half of Pillow's time, most of which is Python's; only where TensorFlow is the backend.
"""

import functools
import zlib
from collections.abc import Callable, Sequence

import numpy as np

_PIXELS = 2**18  # of a small image: of larger ones, decoding itself takes the time
_AT_LEAST = 8  # images of a kind and size: a call takes the time of a few images
_PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"
_PNG_PIXELS = (b"\x08\x00\x00\x00\x00", b"\x08\x02\x00\x00\x00")  # 8 bits, grey or RGB, not interlaced
_PNG_NOTES = (b"pHYs", b"sRGB", b"gAMA", b"cHRM", b"sBIT", b"tIME")  # no pixel depends on them
_JPEG_NOTES = {0xDB, 0xC4, 0xDD, 0xE0, 0xE2, 0xFE}  # tables, JFIF, ICC profile and comments; no EXIF, no Adobe colours
_JPEG_FRAMES = {0xC0, 0xC1}  # not progressive, whose missing scans are guessed
_JPEG_SCAN = 0xDA  # the pixels begin; what turns an image is before
_JPEG_SAMPLING = {(0x11,), (0x11, 0x11, 0x11), (0x21, 0x11, 0x11), (0x22, 0x11, 0x11)}  # grey, 4:4:4, 4:2:2, 4:2:0


def decoded_together(encoded: Sequence[bytes]) -> list[tuple[list[int], np.ndarray]]:
    """Decode the plain ones of some images, those of one kind and size at once.

    Args:
        encoded: Files' bytes.

    Returns:
        For each group the indices of its images and their pixels, `(n, height, width, 3)` uint8. Images that are in no
        group are left to `zoo.data.decoding`: damaged, turned, large, rare or of another kind.
    """
    alike: dict[tuple, list[int]] = {}
    for index, one in enumerate(encoded):
        alike.setdefault(_kind_and_size(one), []).append(index)
    found = []
    for (kind, height, width), group in alike.items():
        if kind is not None and len(group) >= _AT_LEAST:
            pixels = _pixels(kind, height, width, [encoded[index] for index in group])
            found += [(group, pixels)] if pixels is not None else []
    return found


def _pixels(kind: str, height: int, width: int, encoded: list[bytes]) -> np.ndarray | None:
    """Pixels of a group; None if one of them is damaged."""
    import tensorflow as tf  # the backend, imported already

    try:
        pixels = _decoder(kind)(tf.constant(encoded)).numpy()
    except tf.errors.InvalidArgumentError:
        return None
    return pixels if pixels.shape[1:] == (height, width, 3) else None


@functools.cache
def _decoder(kind: str) -> Callable:
    import tensorflow as tf

    def decode(encoded):
        if kind == "png":
            return tf.io.decode_png(encoded, 3)
        return tf.io.decode_jpeg(encoded, 3, dct_method="INTEGER_ACCURATE")  # as Pillow

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def many(encoded):
        pixels = tf.TensorSpec([None, None, 3], tf.uint8)
        return tf.map_fn(decode, encoded, fn_output_signature=pixels, parallel_iterations=16)

    return many


def _kind_and_size(encoded: bytes) -> tuple[str | None, int, int]:
    """("png" or "jpeg", height, width) by the header; None for the kind of what is not plain."""
    kind, height, width = None, 0, 0
    if encoded.startswith(_PNG):
        width, height = (int.from_bytes(encoded[at : at + 4]) for at in (16, 20))
        kind = "png" if encoded[24:29] in _PNG_PIXELS and _is_plain_png(encoded) else None
    elif encoded.startswith(b"\xff\xd8\xff"):
        height, width = _jpeg_size(encoded)
        kind = "jpeg"
    return (kind, height, width) if 0 < height * width <= _PIXELS else (None, 0, 0)


def _is_plain_png(encoded: bytes) -> bool:
    """Whether nothing but notes without effect, all of them whole, is before the pixels."""
    at, name = 8, b"IHDR"
    while name == b"IHDR" or name in _PNG_NOTES:
        end = at + 8 + int.from_bytes(encoded[at : at + 4])
        if zlib.crc32(encoded[at + 4 : end]) != int.from_bytes(encoded[end : end + 4]):
            return False
        at = end + 4
        name = encoded[at + 4 : at + 8]
    return name == b"IDAT"


def _jpeg_size(encoded: bytes) -> tuple[int, int]:
    """Height and width; 0, 0 if it is not plain."""
    at, size = 2, (0, 0)
    while encoded[at : at + 1] == b"\xff" and len(encoded) > at + 9:
        marker = encoded[at + 1]
        if marker == _JPEG_SCAN:
            return size
        if marker in _JPEG_FRAMES:
            bits, height, width = encoded[at + 4], encoded[at + 5 : at + 7], encoded[at + 7 : at + 9]
            sampling = tuple(encoded[at + 11 : at + 10 + 3 * encoded[at + 9] : 3])
            is_plain = bits == 8 and sampling in _JPEG_SAMPLING
            size = (int.from_bytes(height), int.from_bytes(width)) if is_plain else (0, 0)
        elif marker not in _JPEG_NOTES:
            return 0, 0
        at += 2 + max(2, int.from_bytes(encoded[at + 2 : at + 4]))
    return 0, 0
