"""Recipes of Coin-Flipping Neural Networks: dropout (Table 3) and hypernetwork (Tables 1, 2, 4), also on digits."""

from zoo.recipes.papers.coin_flipping import TITLE
from zoo.recipes.training.recipe import Recipe, register

# Channel means and variances of the training pixels divided by 255.
_STATISTICS = {
    "cifar10": {"mean": [0.4914, 0.4822, 0.4465], "variance": [0.0610, 0.0593, 0.0684]},
    "cifar100": {"mean": [0.5071, 0.4865, 0.4409], "variance": [0.0715, 0.0658, 0.0764]},
}

_TABLES = {"resnet20": "Table 3", "hypernet": "Tables 1, 2 and 4"}
_DEPTHS = {"cifar10": {"depth": 6}, "cifar100": {"depth": 10}}  # of N_e in Table 1; Table 2 varies it
# The paper names no warm-up. Without one the generators' last ReLUs die within 60 updates, and their coins with them.
_WARMUP = {"resnet20": 0, "hypernet": 0.6}  # 211 updates
_DIGITS_WARMUP = {"resnet20": 0, "hypernet": 5}  # of 18 updates
_MODELS = ("resnet20_cfnn", "resnet20_dropout", "hypernet_cfnn", "hypernet_deterministic")

for _data, _statistics in _STATISTICS.items():
    for _model in _MODELS:
        # Section 5.2, appendices E and F: SGD, momentum 0.9, L2 5e-3, cosine from 0.1, 200 epochs of batch 128.
        # Ours: crops and flips, and 5,000 images kept for validation.
        _family = _model.split("_")[0]
        register(
            Recipe(
                name=f"{_model}_{_data}",
                model=_model,
                data=_data,
                paper=f"{TITLE}, {_TABLES[_family]}",
                options={**(_DEPTHS[_data] if _family == "hypernet" else {}), "weight_decay": 5e-3, **_statistics},
                augment="crop_flip",
                warmup_epochs=_WARMUP[_family],
            )
        )

for _model in _MODELS:
    # Our own setting: 1,257 images of 8x8 need fewer epochs, and a digit has no mirror image.
    register(
        Recipe(
            name=f"{_model}_digits",
            model=_model,
            options={"weight_decay": 5e-4},
            augment="crop",
            warmup_epochs=_DIGITS_WARMUP[_model.split("_")[0]],
            epochs=30,
            batch_size=64,
        )
    )
