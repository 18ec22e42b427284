"""Models that use randomness as a resource: build them by name, amplify, measure, export."""

if __name__ != "zoo":  # a checkout's root is on our path, where zoo lies again
    raise ImportError(f"Import zoo, not {__name__}.")

import importlib
import os
import sys
from pathlib import Path

__version__ = "0.2.0"

if Path(sys.argv[0]).stem == "zoo":  # the command
    from zoo import stop_signals

    stop_signals.listen()  # what follows takes seconds
    stop_signals.end_at_second()
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # off on CPUs without VNNI, where it halves a step
    if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # TensorFlow reads this, but some of its lines come before
        from zoo.quiet_import import quiet_import

        with quiet_import():
            import keras  # noqa: F401 -- and its backend

# A checkout keeps layers/ and recipes/ beside zoo/; an installed wheel has them inside.
if not (Path(__file__).parent / "layers" / "__init__.py").is_file():
    __path__.append(str(Path(__file__).parent.parent))

from zoo import data, layers, models, probes, scores  # noqa: F401 -- importing models registers them
from zoo.amplification import (
    AdaptiveVote,
    RandomAccuracy,
    Uncertainty,
    adaptive_vote,
    amplify,
    flips,
    random_accuracy,
    required_samples,
    reseed,
    uncertainty,
    with_coins,
)
from zoo.probes.neurons import complexity
from zoo.registry import build, card, list_models
from zoo.serving.export import export
from zoo.weights.fold import fold
from zoo.weights.preset import save_preset
from zoo.weights.pretrained import list_weights, save_weights
from zoo.weights.supermask import load_supermask, save_supermask

_ON_DEMAND = ("theory", "tuning")  # they import SciPy and keras-tuner

__all__ = [
    "AdaptiveVote",
    "RandomAccuracy",
    "Uncertainty",
    "adaptive_vote",
    "amplify",
    "build",
    "card",
    "complexity",
    "data",
    "export",
    "flips",
    "fold",
    "layers",
    "list_models",
    "list_weights",
    "load_supermask",
    "probes",
    "random_accuracy",
    "required_samples",
    "reseed",
    "save_preset",
    "save_supermask",
    "save_weights",
    "scores",
    "uncertainty",
    "with_coins",
]


def __getattr__(name: str):
    """Import `zoo.theory` or `zoo.tuning` at first use."""
    if name in _ON_DEMAND:
        return importlib.import_module(f"zoo.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*__all__, *_ON_DEMAND, "__version__"])
