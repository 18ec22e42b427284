"""Images in files: their header and their pixels; what is no such image is refused with the reason."""

import contextlib
import io
import os
import stat
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

PIXELS = 2**26  # of an image as stored, and as scaled before its centre is cut out: 256 MiB in Pillow
_BYTES = 4 * PIXELS  # of a file's part that is one image
_FORMATS = ("JPEG", "PNG")  # whatever a file is called; Pillow would start Ghostscript for PostScript
_PNG = b"\x89PNG\r\n\x1a\n"
_ORIENTATION = 0x0112  # EXIF's tag: 1 is upright, 2 to 8 are these turns, and from 5 on height and width are swapped
_TURNS = ("FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE", "ROTATE_270", "TRANSVERSE", "ROTATE_90")


def decoded(file: str, first: int, count: int, upright: bool, use: Callable[[Any], Any]) -> Any:
    """Return what is made of the image that lies in a file; errors name the file.

    Grey becomes three equal channels and a palette its colours; transparency is left out.

    Args:
        file: Path of the file.
        first: Its byte at which the image begins.
        count: Number of the image's bytes; a negative one is all to the end.
        upright: Whether the image is turned as its EXIF orientation says.
        use: Function of the RGB image of Pillow.

    Raises:
        ValueError: If there is neither a JPEG nor a PNG, it is damaged, has more than 8 bits per channel or too many
            pixels; or if `use` raises any error.
        OSError: If the file cannot be opened.
    """
    with _opened(file, first) as descriptor:
        encoded = _read(descriptor, _size(descriptor, first, count))
        image = _header(io.BytesIO(encoded), encoded[:32])
        turn = _orientation(image) - 2 if upright else -1  # by the header, as `upright_size`
        image.load()
        image = image if image.mode == "RGB" else image.convert("RGB")
        return use(image if turn < 0 else _turned(image, turn))


def encoded_bytes(file: str, first: int, count: int, limit: int) -> bytes:
    """Bytes of the image that lies in a file, not looked at, none of more than `limit`; else as `decoded`."""
    with _opened(file, first) as descriptor:
        size = _size(descriptor, first, count)
        return _read(descriptor, size) if size <= limit else b""


def upright_size(file: str) -> tuple[int, int]:
    """Height and width of an image by its header, turned as its EXIF orientation says; errors as of `decoded`."""
    with _opened(file, 0) as descriptor, os.fdopen(descriptor, "rb", closefd=False) as opened:
        image = _header(opened, opened.peek(32)[:32])
        swapped = _orientation(image) >= 5
        return (image.width, image.height) if swapped else (image.height, image.width)


def _read(descriptor: int, size: int) -> bytes:
    if size > _BYTES:
        raise ValueError(f"more than {_BYTES:,} bytes")
    return os.read(descriptor, size)


def _size(descriptor: int, first: int, count: int) -> int:
    """Bytes of an image: what is asked for, but no more than there is."""
    left = os.fstat(descriptor).st_size - first
    return max(0, min(count, left) if count >= 0 else left)


@contextlib.contextmanager
def _opened(file: str, first: int) -> Iterator[int]:
    """Descriptor of a file at a byte: `open` takes a fifth of the time of reading and decoding a small image."""
    # A FIFO, which would wait for who writes to it, is opened at once.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(file, flags)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("no regular file")
        os.lseek(descriptor, first, os.SEEK_SET)
        yield descriptor
    except Exception as error:  # Pillow raises half a dozen kinds for damaged files
        kind = "" if type(error) is ValueError else f"{type(error).__name__}: "
        raise ValueError(
            f"{file!r} must hold an undamaged image of 8 bits per channel (JPEG or PNG, fewer than {PIXELS:,} "
            f"pixels) from byte {first} on. Received: {kind}{error}"
        ) from error
    finally:
        os.close(descriptor)


def as_array(image: Any) -> np.ndarray:
    """Pixels of an RGB image of Pillow, `(h, w, 3)` uint8, read-only."""
    # np.asarray copies twice: a fifth of the time of a small image.
    return np.frombuffer(image.tobytes(), np.uint8).reshape(image.height, image.width, 3)


def _header(file: Any, first: bytes) -> Any:
    """Image of Pillow whose pixels are not read yet, of a file that begins with these bytes."""
    from PIL import Image, UnidentifiedImageError  # only who has images in files needs Pillow

    if first.startswith(_PNG) and first[24:25] == b"\x10":  # Pillow would keep the upper half of some of these
        raise ValueError("16 bits per channel; save it with 8")
    formats = _FORMATS[::-1] if first.startswith(_PNG) else _FORMATS
    try:
        image = Image.open(file, formats=formats)
    except UnidentifiedImageError:
        raise ValueError(f"bytes that begin with {first[:8]!r}") from None
    if image.width * image.height >= PIXELS:
        raise ValueError(f"{image.width}x{image.height} pixels")
    if image.mode[0] in "IF":  # converting these to RGB would clip them
        raise ValueError(f"pixels of mode {image.mode!r}")
    return image


def _turned(image: Any, turn: int) -> Any:
    from PIL.Image import Transpose

    return image.transpose(Transpose[_TURNS[turn]])


def _orientation(image: Any) -> int:
    """EXIF's orientation, 1 to 8; 1 where there is none or it cannot be read."""
    if "exif" not in image.info and "Raw profile type exif" not in image.info:
        return 1
    try:
        found = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # a damaged note beside an image that is whole; Pillow raises what it comes across
        return 1
    return found if found in range(1, 9) else 1
