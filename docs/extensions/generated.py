"""Pages that are written before the site is read, never committed."""

from pathlib import Path

from sphinx.application import Sphinx


def write_pages(app: Sphinx, folder: str, pages: dict[str, str]) -> None:
    """Write pages, name -> text, into a folder of the site and leave no others there; equal ones are not touched."""
    place = Path(app.srcdir) / folder
    place.mkdir(exist_ok=True)
    for old in place.iterdir():
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        path = place / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
