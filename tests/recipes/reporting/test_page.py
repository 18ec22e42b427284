"""The page of an evaluation: one file that needs no other, says what was measured and is read by everybody."""

import base64
import io
import itertools
import re
from html.parser import HTMLParser

import evaluated
import numpy as np
import pytest
from pictures import write_pictures
from PIL import Image

from zoo.data.datasets import load
from zoo.recipes.reporting.page import write_page
from zoo.recipes.training.adaptive_line import adaptive_line

pytestmark = pytest.mark.backend_free
HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}&amp;")


class Read(HTMLParser):
    """Elements with their attributes in order, and the text between them."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "source"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag  # well-formed, which a browser would hide

    def handle_data(self, data):
        if data.strip() and self.open[-1] != "style":
            self.text.append(data.strip().replace("\N{NO-BREAK SPACE}", " "))

    def all(self, *tags):
        return [attributes for tag, attributes in self.elements if tag in tags]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "deep/report.html"
    found = evaluated.evaluation(names=HOSTILE, data='a/<script src="x">.npz', command="zoo evaluate '<b>'")
    write_page(path, found)
    assert [one.name for one in path.parent.iterdir()] == ["report.html"]
    return found, path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(written):
    return Read(written[1])


def test_nothing_is_loaded_and_nothing_is_run(page, written):
    sources = [one[key] for _, one in page.elements for key in ("src", "srcset", "href") if key in one]
    assert len(sources) > 40
    assert all(source.startswith(("data:", "#")) for source in sources)
    assert not page.all("script", "iframe", "object", "form", "base")
    assert not [key for _, one in page.elements for key in one if key.startswith("on")]
    assert not re.search(r"https?://|@import|url\(", written[1])
    (policy,) = [one["content"] for one in page.all("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")


def test_names_that_look_like_code_are_text(page, written):
    shown = " ".join(page.text)
    assert all(name in shown for name in (*HOSTILE, 'a/<script src="x">.npz', "zoo evaluate '<b>'"))
    assert "<script" not in written[1]
    assert not page.all("b")


def test_every_picture_is_there_and_says_what_it_shows(page):
    for one in page.all("img"):
        assert len(one["alt"]) > 15
        kind, content = re.fullmatch("data:(image/[a-z+]+);base64,(.+)", one["src"]).groups()
        content = base64.b64decode(content, validate=True)
        if kind == "image/png":
            assert Image.open(io.BytesIO(content)).size == (8, 8)
        else:
            assert content.startswith(b"<?xml")
            assert content.rstrip().endswith(b"</svg>")
    assert len(page.all("img")) == len(page.all("figcaption"))
    dark = [one["srcset"] for one in page.all("source")]
    light = [one["src"] for one in page.all("img") if "svg" in one["src"]]
    assert len(dark) == len(light) == 6
    assert not set(dark) & set(light)


def test_it_can_be_walked_through(page):
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    ids = [one["id"] for _, one in page.elements if "id" in one]
    assert len(ids) == len(set(ids))
    targets = [one["href"][1:] for one in page.all("a")]
    named = [one["aria-labelledby"] for _, one in page.elements if "aria-labelledby" in one]
    assert {*targets, *named} <= set(ids)
    assert page.all("a")[0]["class"] == "skip"
    assert all(one["scope"] in ("row", "col") for one in page.all("th"))
    assert [one["lang"] for one in page.all("html")] == ["en"]
    assert "width=device-width, initial-scale=1" in [one.get("content") for one in page.all("meta")]


def test_it_says_what_was_measured(page, written):
    found, _ = written
    shown = " ".join(page.text)
    for row in found.rows:
        assert f"{100 * row['accuracy']:.2f} {100 * row['low']:.2f} - {100 * row['high']:.2f} 40" in shown
    assert "majority of 12 0.5000 0.2500 1.00 2.00" in shown
    assert "a model Weights weights Data" in shown
    assert "keras 3.1" in shown
    alts = " ".join(one["alt"] for one in page.all("img")).replace("\N{NO-BREAK SPACE}", " ")
    margins = []
    for flips, label in zip(found.flips.tolist(), found.labels, strict=True):
        margins.append(flips.count(label) - max(flips.count(c) for c in range(3) if c != label))
    above, whole = (100 * np.mean([one >= least for one in margins]) for least in (1, 12))
    assert f"The margin is above 0 on {above:.2f} % of the examples; all flips are right on {whole:.2f} %." in alts
    assert "Half of the examples took 20 flips or fewer, the longest took 40." in alts


def test_images_are_those_at_both_ends_with_their_votes(page, written):
    """Example i took i + 1 flips, i // 2 of them for class 1."""
    found, _ = written
    alts = [one["alt"] for one in page.all("img") if "png" in one["src"]]
    numbers = [int(re.match(r"Example (\d+), labelled ", alt)[1]) for alt in alts]
    other = [i for i in range(0, 40, 4) if found.labels[i] != 0]
    assert numbers == [*range(39, 27, -1), *range(12), *other]
    assert f"labelled {HOSTILE[found.labels[39]]}. Votes: 52.5" in alts[0]
    assert f"47.5 % for {HOSTILE[1]}" in alts[0]
    assert "1 flip, certified" in page.text
    assert "40 flips, undecided" in page.text


def test_a_page_has_what_applies(tmp_path):
    whole = evaluated.evaluation()
    plain = {**whole.rows[2], "vote": "none"}
    bare = whole._replace(rows=[plain], curves=[(plain, None)], flips=None, adaptive=None, weights="")
    write_page(tmp_path / "bare.html", bare)
    page = Read((tmp_path / "bare.html").read_text(encoding="utf-8"))
    assert not page.all("img")
    assert [one["href"] for one in page.all("a")] == ["#main", "#main", "#votes", "#how"]
    assert "The model is right on" in " ".join(page.text)
    points = whole._replace(x=np.zeros((40, 2)), curves=[], flips=None)
    write_page(tmp_path / "points.html", points)
    page = Read((tmp_path / "points.html").read_text(encoding="utf-8"))
    assert [one["href"] for one in page.all("a")][2:] == ["#votes", "#needed", "#how"]


def test_images_on_disk_are_read_where_they_are_shown(tmp_path):
    write_pictures(tmp_path / "pictures")
    images = load(tmp_path / "pictures", image_size=200).test.x
    found = evaluated.evaluation(n=12, x=images)
    found = found._replace(flips=None, curves=[], rows=found.rows[-1:])
    assert found.rows[0]["samples"] == adaptive_line(found.adaptive, found.labels)["samples"] == 6.5
    write_page(tmp_path / "a.html", found)
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    content = re.search('data:image/png;base64,([^"]+)', text)[1]
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))
    assert shown.shape == (160, 160, 3)
    assert abs(shown.mean((0, 1)) - images[11].mean((0, 1))).max() < 1


def test_a_page_is_whole_or_not_there(tmp_path, monkeypatch):
    (tmp_path / "a.html").write_text("before")

    def fail(*arguments, **options):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    bare = evaluated.evaluation()._replace(curves=[], flips=None, adaptive=None)
    with pytest.raises(OSError, match="disk full"):
        write_page(tmp_path / "a.html", bare)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("a.html", "before")]
