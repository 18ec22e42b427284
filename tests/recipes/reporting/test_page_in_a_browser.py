"""The page of an evaluation in headless Chromium, on a phone and on a desk, by day and by night."""

import browser
import evaluated
import pytest

from zoo.recipes.reporting.page import write_page

pytestmark = [pytest.mark.backend_free, pytest.mark.skipif(not browser.HERE, reason="needs chromium and chromedriver")]
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
OUTSIDE = "[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll') && !e.matches('.skip')"
OUTSIDE += " && e.getBoundingClientRect().right > innerWidth + 0.5).length"


def test_every_image_is_seen_and_nothing_sticks_out(tmp_path):
    names = ("n" * 60, "<script>throw 1</script>", "a name of several words that goes on for long")
    write_page(tmp_path / "a.html", evaluated.evaluation(names=names, data="d" * 90, command="zoo " + "c" * 200))
    (tmp_path / "profile").mkdir()
    seen = {}
    with browser.browser(tmp_path / "profile") as one:
        for width in (360, 1200):
            for scheme in ("light", "dark"):
                one.open(tmp_path / "a.html", width, 800, scheme)
                assert one.value("innerWidth") == width
                assert one.value("document.documentElement.scrollWidth") <= width
                assert one.value(OUTSIDE) == 0
                assert one.value("document.images.length") > 30
                assert one.value("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
                assert one.value("[...document.images].every(i => i.getBoundingClientRect().width > 30)")
                seen[scheme] = one.value(BACKGROUND), one.value("document.images[0].currentSrc")
                assert one.errors() == []
        one.command("Input.dispatchKeyEvent", type="rawKeyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9)
        assert one.value("document.activeElement.className") == "skip"
        assert one.value("document.activeElement.getBoundingClientRect().left") >= 0
    assert all(day != night for day, night in zip(seen["light"], seen["dark"], strict=True))
