"""Recipes of IteRand (Pruning Randomly Initialized Neural Networks with Iterative Randomization), appendix B.2.

CIFAR-10, Table 3: {conv6, resnet18, resnet34} by SGD, edge-popup and IteRand, the random weights signed constants (sc)
or uniform (ku). `--set width=0.25` is the width factor, `--set randomize_rate=0.01` Figure 1's ablation (of the ku
recipes), `--set randomize_period=30` Figure 4's. `--set augment=resized_crop_flip` is the augmentation of the released
code, which the paper does not mention. Test on the last epoch, as in the paper.
"""

from recipes.recipe import Recipe, add

_PAPER = "IteRand (NeurIPS 2021), Table 3"
# Means and squared deviations of ImageNet's pixels divided by 255, used for CIFAR-10 too.
_PIXELS = {"mean": [0.485, 0.456, 0.406], "variance": [0.229**2, 0.224**2, 0.225**2]}
_KERNELS = {"sc": "signed_kaiming_constant", "ku": "kaiming_uniform"}
# Rate of SGD, rate of edge-popup and IteRand, weight decay, sparsity.
_CIFAR = {
    "conv6": (0.01, 0.2, 1e-4, 0.5),
    "resnet18": (0.1, 0.1, 5e-4, 0.6),
    "resnet34": (0.1, 0.1, 5e-4, 0.6),
}


def _cifar10(name: str, model: str, learning_rate: float, options: dict, period: int | None = None) -> Recipe:
    return Recipe(
        name=name,
        model=model,
        data="cifar10",
        paper=_PAPER,
        options={**options, **_PIXELS},
        augment="crop_flip",
        learning_rate=learning_rate,
        schedule="cosine_per_epoch",
        epochs=100,
        randomize_period=period,
        samples=(1,),
    )


for _network, (_sgd, _rate, _decay, _sparsity) in _CIFAR.items():
    add(_cifar10(f"{_network}_cifar10", _network, _sgd, {"weight_decay": _decay}))
    for _short, _kernel in _KERNELS.items():
        _options = {"weight_decay": _decay, "sparsity": _sparsity, "kernel_initializer": _kernel}
        for _method, _period in (("edge_popup", None), ("iterand", 300)):
            _model = f"{_network}_{_method}"
            add(_cifar10(f"{_model}_{_short}_cifar10", _model, _rate, _options, _period))
