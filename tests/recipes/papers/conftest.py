"""Fixtures that tests of several papers share."""

import pytest

from zoo.recipes.experiments import fit_epochs


@pytest.fixture(scope="module")
def one_step_per_call():
    """Compiling a loop of steps takes longer than these trainings."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fit_epochs, "_STEPS", 1)
        yield
