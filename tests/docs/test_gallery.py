"""Scripts of the gallery: their form, and that they use public names only. The site's build executes them."""

import ast
import importlib
from pathlib import Path

import pytest

import zoo
from zoo.recipes.reporting import figure, style

pytestmark = pytest.mark.backend_free

FOLDER = Path(zoo.__file__).parent.parent / "docs" / "gallery"
SCRIPTS = sorted(FOLDER.glob("*.py"))
PUBLIC = {"zoo.recipes.reporting.style": {"use_style", "graded"}}  # beside what `__all__` has


def public(module: str) -> set[str]:
    """Names of a module that a reader may use."""
    found = importlib.import_module(module)
    return PUBLIC.get(module) or set(getattr(found, "__all__", dir(found)) if module != "zoo" else dir(zoo))


@pytest.fixture(params=SCRIPTS, ids=lambda path: path.stem)
def script(request):
    return request.param.read_text()


def test_there_are_scripts_and_a_header():
    assert len(SCRIPTS) >= 14
    assert all(path.name.startswith("plot_") for path in SCRIPTS)  # sphinx-gallery executes no others
    assert (FOLDER / "GALLERY_HEADER.rst").read_text().splitlines()[1].startswith("=====")


def test_a_script_begins_with_title_and_sentences(script):
    title, line, empty, *text = ast.get_docstring(ast.parse(script)).splitlines()
    assert line == "=" * len(line)
    assert len(line) >= len(title)
    assert not empty
    assert 2 <= " ".join(text).count(".") <= 8


def test_a_script_has_prose_code_and_the_shared_look(script):
    assert script.count("\n# %%\n# ") >= 3
    assert script.count("\nuse_style()\n") == 1
    assert script.rstrip().count("plt.show()") >= 1
    assert max(map(len, script.splitlines())) <= 130  # wider code scrolls on the page


def test_a_script_uses_public_names_only(script):
    tree = ast.parse(script)
    modules = {"zoo": "zoo"}  # name in the script -> module
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "zoo":
            for name in (alias.name for alias in node.names):
                assert name in public(node.module), f"{node.module}.{name}"
                modules[name] = f"{node.module}.{name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (names := dotted(node)) and names[0] in modules:
            module = modules[names[0]]
            if is_module(module):
                assert names[1] in public(module), ".".join(names)
                inner = f"{module}.{names[1]}"
                if len(names) > 2 and is_module(inner):
                    assert names[2] in public(inner), ".".join(names)


def dotted(node: ast.Attribute) -> list[str]:
    """Names of a chain of attributes, or none if it does not begin with a name."""
    names = []
    while isinstance(node, ast.Attribute):
        names, node = [node.attr, *names], node.value
    return [node.id, *names] if isinstance(node, ast.Name) else []


def is_module(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True


@pytest.mark.parametrize("name", list(style.STYLES))
def test_text_stands_out_from_the_ground(name):
    """WCAG asks for a contrast of 4.5 of text, and of 3 of lines; two colours of the cycle are paler on white."""
    chosen = style.STYLES[name]
    ground = "#16181c" if name == "dark" else "#ffffff"
    assert contrast(chosen["text.color"], ground) >= 7
    colors = ast.literal_eval(chosen["axes.prop_cycle"].split(", ", 1)[1][:-1])
    assert sum(contrast(color, ground) < 2.9 for color in colors) <= 2
    assert all(contrast(color, ground) > 2 for color in colors)


def contrast(color: str, ground: str) -> float:
    """Contrast ratio of two colours as WCAG 2 defines it."""
    bright, dark = sorted((luminance(color), luminance(ground)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_an_unknown_look_is_refused_with_those_that_there_are(tmp_path):
    with pytest.raises(ValueError, match=r"`name` must be one of 'paper', 'light', 'dark'. Received: name='neon'"):
        style.use_style("neon")
    with (
        pytest.raises(ValueError, match=r"`style` must be one of 'paper', 'light', 'dark'. Received: style='neon'"),
        figure.figure(tmp_path / "drawn.png", style="neon"),
    ):
        pass
