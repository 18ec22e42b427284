"""Names of the classes in an exported model: those that are given, else the run's own."""

import types

import keras
import pytest

from zoo.recipes.training.class_names import class_names_of


@pytest.mark.backend_free
def test_given_names_win_over_the_run_s_own(tmp_path):
    (tmp_path / "names.txt").write_text("cat\n\n dog \n")
    assert class_names_of(None, None, 2) is None
    assert class_names_of(None, ("a", "b"), 2) == ["a", "b"]
    assert class_names_of(None, ("a", "b"), 3) is None  # the model has a class more than its data
    assert class_names_of("cat, dog", ("a", "b"), 2) == ["cat", "dog"]
    assert class_names_of(str(tmp_path / "names.txt"), None, 2) == ["cat", "dog"]
    many = [f"class{number}" for number in range(100)]  # longer than names of files may be
    assert class_names_of(",".join(many), None, 100) == many
    with pytest.raises(ValueError, match="`class_names` must be names with commas"):
        class_names_of("cat", None, 2)


def test_the_command_writes_a_version_with_the_names(zoo_command, tmp_path, monkeypatch):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    trained = types.SimpleNamespace(model=model, class_names=("cat", "dog"))
    monkeypatch.setattr("zoo.recipes.training.trained.load_trained", lambda *arguments: trained)
    code, printed, errors = zoo_command("export", "any", tmp_path / "animals", "--serving")
    assert code == 0, errors
    assert printed == f"Written to {tmp_path / 'animals/1'}\n"
    assert (tmp_path / "animals/1/assets/class_names.txt").read_text() == "cat\ndog\n"
    code, _, errors = zoo_command("export", "any", tmp_path / "model", "--format", "onx")
    assert code == 1
    assert "Did you mean 'onnx'?" in errors
