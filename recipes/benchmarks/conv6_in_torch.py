"""A training step of edge-popup on Conv6 against PyTorch, with masks as two released programs find them.

    python -m zoo.recipes.benchmarks.conv6_in_torch [--width 1.0] [--images 128] [--rounds 5]

The same network on both sides: six convolutions and three linear layers of signed constants under masks that keep half
of every layer, SGD with momentum on the scores. PyTorch finds a mask by sorting all scores of a layer, as edge-popup's
code does, or by kthvalue, as IteRand's does; masks are straight-through. Interleaved in one process. PyTorch takes
OMP_NUM_THREADS threads; TF_ENABLE_ONEDNN_OPTS=1 gives TensorFlow the kernels that PyTorch has on every CPU.
"""

import argparse
import itertools

import keras
import numpy as np

import zoo
from zoo.layers.masks import kept
from zoo.layers.score_masked import masked_layers
from zoo.recipes.benchmarks.mask_selection import by_torch
from zoo.recipes.benchmarks.measure import compare, random_images, table, torch_or_none

SPARSITY = 0.5


def ours(width: float, x: np.ndarray, y: np.ndarray):
    """The step on our side."""
    model = zoo.build("conv6_edge_popup", width=width, sparsity=SPARSITY, seed=0)
    model.compile(keras.optimizers.SGD(0.01, 0.9), "sparse_categorical_crossentropy")
    return lambda: model.train_on_batch(x, y)


def by_sort(torch, scores, sparsity: float):
    """Mask by sorting all scores of a layer."""
    order = scores.flatten().sort().indices
    mask, pruned = torch.empty_like(scores), scores.numel() - kept(scores.numel(), sparsity)
    mask.view(-1)[order[:pruned]] = 0
    mask.view(-1)[order[pruned:]] = 1
    return mask


def in_torch(torch, find_mask, width: float, x: np.ndarray, y: np.ndarray):
    """The step in PyTorch, with masks found by `find_mask`."""
    torch.manual_seed(0)
    nn = torch.nn

    class Straight(torch.autograd.Function):
        @staticmethod
        def forward(ctx, scores):
            return find_mask(torch, scores, SPARSITY)

        @staticmethod
        def backward(ctx, gradient):
            return gradient

    def masked(layer):
        layer.weight.requires_grad_(False)
        layer.scores = nn.Parameter(torch.rand_like(layer.weight))
        layer.weight.data = layer.weight.sign() * layer.weight.std()
        return layer

    class Conv(nn.Conv2d):
        def forward(self, x):
            return self._conv_forward(x, self.weight * Straight.apply(self.scores), None)

    class Linear(nn.Linear):
        def forward(self, x):
            return nn.functional.linear(x, self.weight * Straight.apply(self.scores))

    channels = [max(1, round(base * width)) for base in (64, 64, 128, 128, 256, 256)]
    layers: list = []
    for index, (inputs, outputs) in enumerate(itertools.pairwise([3, *channels])):
        layers += [masked(Conv(inputs, outputs, 3, padding=1, bias=False)), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if index % 2 else []
    layers.append(nn.Flatten())
    sizes = [channels[-1] * 16, channels[-1], channels[-1], 10]
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [masked(Linear(inputs, outputs, bias=False)), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    scores = [one for one in model.parameters() if one.requires_grad]
    ours_too = masked_layers(zoo.build("conv6_edge_popup", width=width))
    assert sum(one.numel() for one in scores) == sum(np.prod(layer.scores.shape) for layer in ours_too)
    optimizer = torch.optim.SGD(scores, 0.01, 0.9)
    images, labels = torch.tensor(x.transpose(0, 3, 1, 2) / 127.5 - 1, dtype=torch.float32), torch.tensor(y)

    def step():
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()

    return step


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    x, y = random_images(given.images)
    calls = {"ours": ours(given.width, x, y)}
    if torch := torch_or_none():
        for name, find_mask in (("sort", by_sort), ("kthvalue", by_torch)):
            calls[f"PyTorch, {name}"] = in_torch(torch, find_mask, given.width, x, y)
    times = compare(calls, given.rounds)
    print(f"\nConv6 of width {given.width}, sparsity {SPARSITY}, {given.images} images: a training step\n")
    for other in list(calls)[1:] or list(calls):
        print(table({name: times[name] for name in dict.fromkeys(("ours", other))}, other), "\n")


if __name__ == "__main__":
    main()
