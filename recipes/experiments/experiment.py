"""Experiments: figures and tables to reproduce, as data and functions, and their registry."""

import importlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from zoo.layers.arguments import check_known, int_at_least
from zoo.recipes.experiments.measured_minutes import MINUTES
from zoo.recipes.reporting.rows import Row

Settings = dict[str, Any]


class Experiment(NamedTuple):
    """Experiment as data and four functions.

    Attributes:
        paper: Where it is published.
        settings: For every budget ("smoke", "standard", "paper") all settings, the same keys in each. A list is swept:
            more of its values can be run into the same folder later; everything else must stay. `repetitions` is the
            number of runs per point.
        points: From settings to the points of the experiment in order, each a dict that tells its rows from others. A
            point with a text under "taken" is a finished run; it is taken over once and not once per repetition.
        run: From settings, point, seed and the result of `prepare` to the rows of one run.
        report: Writes a table and a figure of all rows to a folder.
        prepare: From settings and data folder to what all runs share; it raises before anything is run.
        choices: Setting -> values allowed (of a list: of its elements).
        variants: Setting -> its value -> settings that go with it unless others are asked for, or the budget has others
            than the paper.
        data: Data in words; "" where the setting `data` names them, or nothing is read.
        minutes: Budget -> minutes it took, where they were measured (`zoo.recipes.experiments.measured_minutes`).
    """

    paper: str
    settings: dict[str, Settings]
    points: Callable[[Settings], list[Row]]
    run: Callable[[Settings, Row, int, Any], list[Row]]
    report: Callable[[list[Row], Path], None]
    prepare: Callable[[Settings, str | None], Any] = lambda settings, data_dir: None
    choices: Mapping[str, tuple] = MappingProxyType({})
    variants: Mapping[str, dict[str, Settings]] = MappingProxyType({})
    data: str = ""
    minutes: Mapping[str, float] = MappingProxyType({})


def budgets(
    base: Settings, *, smoke: Settings, standard: Settings | None = None, paper: Settings | None = None
) -> dict[str, Settings]:
    """Settings of the three budgets: those of `base`, where each budget changes some.

    Raises:
        ValueError: If a budget changes a setting that `base` does not have.
    """
    found = {}
    for budget, changes in {"smoke": smoke, "standard": standard or {}, "paper": paper or {}}.items():
        for key in changes:
            check_known("setting", key, base)
        found[budget] = {**base, **changes}
    return found


def single_point(settings: Settings) -> list[Row]:
    """Points of an experiment that sweeps nothing: one, with nothing to tell it from others."""
    return [{}]


_EXPERIMENTS: dict[str, Experiment] = {}


def register(name: str, experiment: Experiment) -> None:
    """Register an experiment.

    Raises:
        ValueError: If the name is taken.
    """
    if name in _EXPERIMENTS:
        raise ValueError(f"An experiment is already registered under this name. Received: name={name!r}")
    _EXPERIMENTS[name] = experiment._replace(minutes={**MINUTES.get(name, {}), **experiment.minutes})


def names() -> list[str]:
    """Sorted names of the experiments."""
    # By name: papers are a floor above and register the experiments.
    for module in importlib.import_module("zoo.recipes.papers").EXPERIMENTS:
        importlib.import_module(module)
    return sorted(_EXPERIMENTS)


def find(name: str) -> Experiment:
    """Experiment of that name.

    Raises:
        ValueError: If there is none; the error has all names.
    """
    check_known("experiment", name, names())
    return _EXPERIMENTS[name]


def resolve(experiment: Experiment, budget: str, given: Settings) -> Settings:
    """All settings of a run: those given, and for the others the budget's.

    Raises:
        ValueError: If a budget or setting is unknown, or a value is out of range.
    """
    check_known("budget", budget, experiment.settings)
    defaults = experiment.settings[budget]
    for key, value in given.items():
        check_known("setting", key, defaults)
        _check(key, value, experiment)
    chosen = {**defaults, **given}
    paper = experiment.settings["paper"]
    for key, table in experiment.variants.items():
        of_value = {name: value for name, value in table.get(chosen[key], {}).items() if defaults[name] == paper[name]}
        chosen = {**chosen, **of_value, **given}
    return chosen


def _check(key: str, value: Any, experiment: Experiment) -> None:
    values = [settings[key] for settings in experiment.settings.values()]
    default = values[0]
    if not isinstance(default, list):
        _check_one(key, value, values, experiment.choices.get(key))
        return
    if not isinstance(value, list) or not value or any(value.count(one) > 1 for one in value):
        raise ValueError(f"`{key}` must be a list of different values, [...]. Received: {key}={value!r}")
    for one in value:
        _check_one(key, one, [one for some in values for one in some], experiment.choices.get(key))


def _check_one(key: str, value: Any, defaults: list, allowed: tuple | None) -> None:
    kind = type(defaults[0]) if defaults else str  # a list that is empty in every budget is one of texts
    if allowed is not None and value not in allowed:
        raise ValueError(f"`{key}` must be one of {', '.join(map(repr, allowed))}. Received: {key}={value!r}")
    if kind is int:
        int_at_least(key, value, minimum=0 if 0 in defaults else 1)
    elif kind is float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise ValueError(f"`{key}` must be a number >= 0. Received: {key}={value!r}")
    elif not isinstance(value, kind):
        raise ValueError(f"`{key}` must be {'true or false' if kind is bool else 'a text'}. Received: {key}={value!r}")
