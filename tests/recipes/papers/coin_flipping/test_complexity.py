"""Plane of complexities: neurons of models counted by hand."""

import pytest

from zoo.recipes.experiments.reproduce import reproduce


def test_the_plane_has_every_model_at_every_dimension(tmp_path):
    rows = reproduce("complexity", tmp_path, budget="smoke")
    counts = {(row["model"], row["dim"]): (row["data_complexity"], row["random_complexity"]) for row in rows}
    assert set(counts) == {(model, dim) for model in ("ball_cfnn", "cone_cfnn") for dim in (2, 10, 100)}
    for dim in (2, 10, 100):
        assert counts["ball_cfnn", dim] == (2, 2)
        assert counts["cone_cfnn", dim] == (2 * dim + 1, 2 * dim + 1)  # cones around random points
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    more = reproduce("complexity", tmp_path, budget="smoke", settings={"models": ["hypernet_deterministic"]})
    assert (more[-1]["model"], more[-1]["dim"], more[-1]["random_complexity"]) == ("hypernet_deterministic", None, 0)


def test_unknown_models_are_refused(tmp_path):
    with pytest.raises(ValueError, match="`models` must be one of 'ball_cfnn'"):
        reproduce("complexity", tmp_path, settings={"models": ["resnet99"]})
