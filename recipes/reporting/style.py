"""One look for every drawing, for matplotlib: of the recipes' figures, the pages of evaluations and the gallery."""

from typing import Any

from zoo.layers.arguments import one_of

# Okabe and Ito's colours without their yellow, which white paper swallows; they differ for colour-blind readers, too.
_ON_LIGHT = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5f6368")
_ON_DARK = ("#6cb8ee", "#f0884a", "#3cc79f", "#e2a3c7", "#f2c14e", "#a9dcf7", "#b3b8bf")  # the same hues, paler
_INK = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "axes.titlecolor")
_GROUND = ("figure.facecolor", "axes.facecolor", "savefig.facecolor")
_EVERYWHERE = {
    "figure.figsize": (6.0, 3.8),  # inches: text of 10 points is 9 pixels high where this is 400 pixels wide
    "figure.dpi": 120,
    "figure.constrained_layout.use": True,
    "figure.titlesize": 11,
    **dict.fromkeys(("font.size", "axes.titlesize", "axes.labelsize"), 10),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize", "legend.title_fontsize"), 9),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right"), False),
    "axes.grid": True,
    "axes.axisbelow": True,  # grid lines do not cross what is drawn
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "legend.framealpha": 0.85,
    "image.cmap": "viridis",
    "image.interpolation": "nearest",
    "svg.hashsalt": "zoo",  # the same drawing has the same bytes
}
_LIGHT = {
    **_EVERYWHERE,
    **dict.fromkeys(_INK, "#23262b"),
    "axes.prop_cycle": f"cycler('color', {list(_ON_LIGHT)})",
    "grid.color": "#e4e4df",
    "legend.facecolor": "#fdfdfb",
    "legend.edgecolor": "#dcdcd5",
}
_DARK = {
    **_EVERYWHERE,
    **dict.fromkeys(_INK, "#d5d7db"),
    "axes.prop_cycle": f"cycler('color', {list(_ON_DARK)})",
    "grid.color": "#2c3037",
    "legend.facecolor": "#16181c",
    "legend.edgecolor": "#343840",
}
STYLES: dict[str, dict[Any, Any]] = {
    "paper": {**_LIGHT, **dict.fromkeys(_GROUND, "white")},
    "light": {**_LIGHT, **dict.fromkeys(_GROUND, "none")},
    "dark": {**_DARK, **dict.fromkeys(_GROUND, "none")},
}


def use_style(name: str = "paper") -> None:
    """Draw everything from here on in the look of the zoo.

    Args:
        name: "paper" has a white ground of its own, so that it is read on light and on dark pages alike; "light" and
            "dark" are transparent, for pages that choose between two drawings.

    Raises:
        ValueError: If there is no style of that name.

    Example:
        >>> import matplotlib
        >>> with matplotlib.rc_context():
        ...     use_style("dark")
        ...     matplotlib.rcParams["axes.labelcolor"]
        '#d5d7db'
    """
    import matplotlib  # it is slow to import

    matplotlib.rcParams.update(STYLES[one_of("name", name, tuple(STYLES))])


def graded(values: int) -> list[Any]:
    """Return colours for so many ordered values: from dark to pale, and none so pale that white swallows it.

    Args:
        values: Number of colours.
    """
    from matplotlib import colormaps  # it is slow to import

    return [colormaps["viridis"](0.85 * place / max(values - 1, 1)) for place in range(values)]
