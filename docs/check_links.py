"""Check the built site: `python docs/check_links.py docs/_build/html` names every link that leads nowhere.

It also names what a page would load from elsewhere: the site opens from disk.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADS = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src"), ("video", "src")}
_HARMLESS = {"canonical", "index", "search", "next", "prev", "author", "license"}


class _Page(HTMLParser):
    """Links and places of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[tuple[str, bool]] = []  # address, and whether it is loaded with the page
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what a tag points to and what it is called."""
        found = {name: value or "" for name, value in attrs}
        self.places |= {found[name] for name in ("id", "name") if name in found}
        is_loaded = not (tag == "link" and found.get("rel") in _HARMLESS)
        for name in ("href", "src"):
            if name in found:
                self.links.append((found[name], (tag, name) in _LOADS and is_loaded))


def broken(site: Path) -> list[str]:
    """Return a line for every link of the site's pages that leads nowhere and everything loaded from elsewhere."""
    pages = {path.resolve(): _Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    lines = []
    for path, page in sorted(pages.items()):
        for address, is_loaded in page.links:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                if is_loaded and parts.scheme != "data":
                    lines.append(f"{path.name} loads {address}")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                lines.append(f"{path.name} -> {address}: no such file")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places:
                lines.append(f"{path.name} -> {address}: no such place")
    return lines


def main() -> None:
    """Print what is broken, and fail if anything is."""
    site = Path(sys.argv[1])
    lines = broken(site)
    print("\n".join(dict.fromkeys(lines)))
    count = len(list(site.rglob("*.html")))
    print(f"{count} pages, {len(lines)} broken links")
    sys.exit(bool(lines) or not count)


if __name__ == "__main__":
    main()
