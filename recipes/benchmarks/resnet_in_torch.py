"""ResNet-20 with dropout as its coin against PyTorch, which makes a pass per flip: votes, and training steps.

    python -m zoo.recipes.benchmarks.resnet_in_torch [--images 128] [--flips 25] [--rounds 3] [--bfloat16] [CALL ...]

The same network on both sides, with random weights: convolutions channels-last, batch normalisation, dropout after the
first activation of every block and before the last layer. PyTorch votes by a loop over the flips, and trains on the
mean of the probabilities of as many passes, as the soft vote does; SGD with momentum on both sides. `--bfloat16` adds
each side in mixed precision: the policy `mixed_bfloat16`, and autocast. Interleaved in one process; peaks in processes
of their own. Threads of PyTorch: OMP_NUM_THREADS.
"""

import argparse
import functools

import keras
import numpy as np

import zoo
from zoo.recipes.benchmarks.measure import compare, peak_of_process, print_peak_of, random_images, table, torch_or_none

CALLS = ("votes", "training step", "training step of one flip")
MIXED = ", bfloat16"


def ours(call: str, mixed: bool, flips: int, x: np.ndarray, y: np.ndarray):
    """The call on our side."""
    keras.config.set_dtype_policy("mixed_bfloat16" if mixed else "float32")
    model = zoo.build("resnet20_cfnn", samples=1 if call.endswith("one flip") else flips, seed=0)
    model.compile(keras.optimizers.SGD(0.01, 0.9), "sparse_categorical_crossentropy")
    if call == "votes":
        return lambda: model.predict_on_batch(x)
    return lambda: model.train_on_batch(x, y)


def network(torch):
    """The network in PyTorch, which drops in training and at inference."""
    nn, relu = torch.nn, torch.relu

    def conv_norm(inputs: int, filters: int, size: int, strides: int):
        convolution = nn.Conv2d(inputs, filters, size, strides, padding=size // 2, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(filters))

    def drop(x):
        return nn.functional.dropout(x, 0.5, training=True)

    class Block(nn.Module):
        def __init__(self, inputs: int, filters: int, strides: int) -> None:
            super().__init__()
            self.one, self.two = conv_norm(inputs, filters, 3, strides), conv_norm(filters, filters, 3, 1)
            self.shortcut = nn.Identity() if inputs == filters else conv_norm(inputs, filters, 1, strides)

        def forward(self, x):
            return relu(self.two(drop(relu(self.one(x)))) + self.shortcut(x))

    class ResNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            sizes = [(16, 16, 1)] * 3 + [(16, 32, 2), (32, 32, 1), (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 64, 1)]
            self.first, self.logits = conv_norm(3, 16, 3, 1), nn.Linear(64, 10)
            self.blocks = nn.Sequential(*(Block(*one) for one in sizes))

        def forward(self, x):
            return self.logits(drop(self.blocks(relu(self.first(x))).mean((2, 3))))

    return ResNet()


def in_torch(torch, call: str, mixed: bool, flips: int, x: np.ndarray, y: np.ndarray):
    """The same call in PyTorch."""
    torch.manual_seed(0)
    model = network(torch).to(memory_format=torch.channels_last)

    def logits():
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            return model(images).float()

    trained = sum(one.numel() for one in model.parameters())
    assert trained == sum(np.prod(one.shape) for one in zoo.build("resnet20_cfnn").trainable_weights)
    images = torch.tensor(x.transpose(0, 3, 1, 2) / 127.5 - 1, dtype=torch.float32)
    images, labels = images.to(memory_format=torch.channels_last), torch.tensor(y)
    if call == "votes":
        model.eval()

        def vote():
            with torch.inference_mode():
                found = torch.stack([logits().argmax(1) for _ in range(flips)])
                return torch.nn.functional.one_hot(found, 10).float().mean(0)

        return vote
    optimizer = torch.optim.SGD(model.parameters(), 0.01, 0.9)

    def step():
        optimizer.zero_grad()
        passes = 1 if call.endswith("one flip") else flips
        share = torch.stack([logits().softmax(1) for _ in range(passes)]).mean(0)
        torch.nn.functional.nll_loss(share.log(), labels).backward()
        optimizer.step()

    return step


def main() -> None:
    """Print a Markdown table per call."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("calls", nargs="*", default=list(CALLS), metavar="CALL", help=", ".join(CALLS))
    for name, default in (("images", 128), ("flips", 25), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--bfloat16", action="store_true", help="measure mixed precision, too")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if unknown := set(given.calls) - set(CALLS):
        parser.error(f"CALL must be of {', '.join(CALLS)}. Received: {', '.join(sorted(unknown))}")
    x, y = random_images(given.images)
    torch = torch_or_none() if not (given.peak or "").startswith("ours") else None
    for call in given.calls:
        sides = {}
        for mixed in (True, False) if given.bfloat16 else (False,):
            name = MIXED if mixed else ""
            sides[f"ours{name}"] = functools.partial(ours, call, mixed, given.flips, x, y)
            if torch:
                sides[f"PyTorch{name}"] = functools.partial(in_torch, torch, call, mixed, given.flips, x, y)
        if given.peak:
            run = sides[given.peak]()
            run()
            print_peak_of(run)
            return
        sizes = [f"--{name}={getattr(given, name)}" for name in ("images", "flips")] + ["--bfloat16"]
        peaks = {side: peak_of_process(__file__, call, *sizes, f"--peak={side}") for side in sides}
        times = compare({side: make() for side, make in sides.items()}, given.rounds)
        print(f"\n{call}, {given.images} images, {given.flips} flips\n")
        print(table(times, list(sides)[-1], peaks))


if __name__ == "__main__":
    main()
