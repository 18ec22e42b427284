"""Recipes of IteRand (Pruning Randomly Initialized Neural Networks with Iterative Randomization), appendix B.2.

CIFAR-10, Table 3: {conv6, resnet18, resnet34}; ImageNet, Table 4: {resnet18, resnet34, resnet50, resnet101}; by SGD,
edge-popup and IteRand, the random weights signed constants (sc) or uniform (ku). `--set width=0.25` is the width
factor, `--set randomize_rate=0.01` Figure 1's ablation (of the ku recipes), `--set randomize_period=30` Figure 4's.
`--set augment=resized_crop_flip` is the augmentation of the released code on CIFAR-10, which the paper does not
mention. `--set data=FOLDER --set image_size=224 --set resize=imagenet` reads ImageNet's files from a folder with
train/CLASS and val/CLASS. Test on the last epoch, as in the paper.
"""

from typing import Any, NamedTuple

from zoo.recipes.training.recipe import Recipe, register

# Means and squared deviations of ImageNet's pixels divided by 255, used for CIFAR-10 too.
_PIXELS = {"mean": [0.485, 0.456, 0.406], "variance": [0.229**2, 0.224**2, 0.225**2]}
_KERNELS = {"sc": "signed_kaiming_constant", "ku": "kaiming_uniform"}
_CIFAR: dict[str, Any] = {
    "data": "cifar10",
    "paper": "IteRand (NeurIPS 2021), Table 3",
    "augment": "crop_flip",
    "epochs": 100,
}
_IMAGENET: dict[str, Any] = {
    "data": "imagenet2012",
    "paper": "IteRand (NeurIPS 2021), Table 4",
    "augment": "resized_crop_flip",
    "epochs": 105,
    "warmup_epochs": 5,
    "final_epochs": 5,
    "validation": 0.01,
}


class _Setting(NamedTuple):
    """Settings of a network in the paper: rates of SGD and of the two other methods, and settings of those two."""

    sgd_rate: float
    rate: float
    weight_decay: float
    sparsity: float
    period: int


def _add_all(network: str, setting: _Setting, common: dict[str, Any]) -> None:
    """Register the recipes of a network on a data set: every method, from all kinds of random weights."""
    dense = {"weight_decay": setting.weight_decay}
    _add(network, "", learning_rate=setting.sgd_rate, options=dense, common=common)
    for short, kernel in _KERNELS.items():
        masked = {**dense, "sparsity": setting.sparsity, "kernel_initializer": kernel}
        same = {"learning_rate": setting.rate, "options": masked}
        _add(f"{network}_edge_popup", f"_{short}", **same, common=common)
        _add(f"{network}_iterand", f"_{short}", **same, common={**common, "randomize_period": setting.period})


def _add(model: str, suffix: str, *, learning_rate: float, options: dict, common: dict[str, Any]) -> None:
    register(
        Recipe(
            name=f"{model}{suffix}_{common['data']}",
            model=model,
            options={**options, **_PIXELS},
            learning_rate=learning_rate,
            schedule="cosine_per_epoch",
            samples=(1,),
            **common,
        )
    )


_add_all("conv6", _Setting(sgd_rate=0.01, rate=0.2, weight_decay=1e-4, sparsity=0.5, period=300), _CIFAR)
for _network in ("resnet18", "resnet34"):
    _add_all(_network, _Setting(sgd_rate=0.1, rate=0.1, weight_decay=5e-4, sparsity=0.6, period=300), _CIFAR)
for _network in ("resnet18", "resnet34", "resnet50", "resnet101"):
    _add_all(_network, _Setting(sgd_rate=0.1, rate=0.1, weight_decay=1e-4, sparsity=0.7, period=1000), _IMAGENET)
