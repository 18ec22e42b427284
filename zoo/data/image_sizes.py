"""Size that all images in files have."""

from collections.abc import Sequence

from zoo.data.decoding import upright_size
from zoo.data.threads import by_parts


def common_size(files: Sequence[str], skip_damaged: bool) -> tuple[int, int]:
    """Height and width that all images in files have, by their headers.

    Args:
        files: Paths of the files.
        skip_damaged: Whether files whose header cannot be read are passed over.

    Raises:
        ValueError: If they have several sizes, or a header cannot be read.
        OSError: If a file cannot be read.
    """

    def size(file: str) -> tuple[int, int] | None:
        try:
            return upright_size(file)
        except (ValueError, OSError):
            if skip_damaged:
                return None
            raise

    known: tuple[str, tuple[int, int]] | None = None
    for start in range(0, len(files), 1024):  # a large folder of several sizes is known by its first files
        part = list(files[start : start + 1024])
        for file, found in zip(part, by_parts(lambda some: [size(one) for one in some], part), strict=True):
            known = known or (file, found) if found else known
            if known and found and found != known[1]:
                (h, w), (height, width) = known[1], found
                raise ValueError(
                    f"`image_size` must be given where images have several sizes, as image_size={min(h, w)}. Received: "
                    f"None, of {known[0]!r} of {h}x{w} pixels (height x width) and {file!r} of {height}x{width}"
                )
    if known is None:
        raise ValueError(f"`image_size` must be given where no image can be read. Received: None, of {files[0]!r}")
    return known[1]
