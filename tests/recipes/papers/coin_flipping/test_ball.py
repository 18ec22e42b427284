"""Ball classifiers against the closed forms."""

import numpy as np
import pytest
from experiments import REPORT, files

import zoo
from zoo.recipes.experiments.reproduce import reproduce


@pytest.mark.parametrize("model", ["ball_cfnn", "tangent_cfnn"])
def test_flips_follow_fig_1(tmp_path, model):
    rows = reproduce("ball", tmp_path, budget="smoke", settings={"model": model, "flips": 2000, "dim": 2})
    assert files(tmp_path) == REPORT
    shares = {(row["method"], row["norm"]): row["outside"] for row in rows}
    assert set(shares) == {(method, norm) for method in ("drawn", "exact") for norm in (0.5, 1.5)}
    for norm in (0.5, 1.5):
        assert abs(shares["drawn", norm] - shares["exact", norm]) < 5 * 0.5 / np.sqrt(2000)
        assert (shares["exact", norm] > 0.5) == (norm > 1)


def test_majorities_err_as_the_binomial_law_says(tmp_path):
    rows = reproduce("ball-majority", tmp_path, budget="smoke", settings={"points": 1000, "norms": [0.5]})
    errors = {(row["method"], row["samples"]): row["error"] for row in rows}
    right = 1 - zoo.theory.ball_probability(0.5)
    for n in (1, 11):
        exact = 1 - zoo.theory.majority_accuracy(right, n)
        assert errors["exact", n] == pytest.approx(float(exact))
        assert abs(errors["drawn", n] - exact) < 5 * np.sqrt(exact * (1 - exact) / 1000)
        assert errors["bound", n] > errors["exact", n]


def test_more_norms_are_added_and_the_sphere_is_refused(tmp_path):
    reproduce("ball", tmp_path, budget="smoke")
    rows = reproduce("ball", tmp_path, budget="smoke", settings={"norms": [0.5, 1.5, 2.0]})
    assert [row["norm"] for row in rows if row["method"] == "drawn"] == [0.5, 1.5, 2.0]
    with pytest.raises(ValueError, match="`norms` must not have the radius"):
        reproduce("ball-majority", tmp_path / "other", budget="smoke", settings={"norms": [1.0]})


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("ball", {"alphas": [0.5]}, "`alpha` must be"),
        ("ball", {"model": "cone_cfnn"}, "`model` must be one of"),
        ("ball", {"dim": 0}, "`dim` must be"),
        ("ball-majority", {"samples": [0]}, "`samples` must be"),
        ("ball-majority", {"radius": 0.0}, "`radius` must be"),
    ],
)
def test_bad_settings_are_named(tmp_path, name, given, message):
    with pytest.raises(ValueError, match=message):
        reproduce(name, tmp_path, budget="smoke", settings=given)
