"""The masks of Conv6 alone: topk_mask against sort, top_k, NumPy's partition and PyTorch's kthvalue.

    python -m zoo.recipes.benchmarks.mask_selection [--width 1.0] [--sparsity 0.5] [--rounds 10]

All masks of the network in one compiled call, scores as they are initialised. The variants that sort or select with
the backend's own ops find the same threshold and compare, as IteRand's code does with PyTorch's kthvalue; NumPy's and
PyTorch's run outside any graph.
"""

import argparse

import keras
import numpy as np
from keras import ops

import zoo
from zoo.layers.masks import kept, topk_mask, topk_mask_numpy
from zoo.layers.score_masked import masked_layers
from zoo.recipes.benchmarks.measure import compare, table, torch_or_none

EXACT = ("topk_mask", "topk_mask_numpy")


def by_sort(scores, sparsity: float):
    """Mask by sorting all scores."""
    flat = ops.reshape(scores, (-1,))
    return ops.cast(scores >= ops.sort(flat)[flat.shape[0] - kept(flat.shape[0], sparsity)], scores.dtype)


def by_top_k(scores, sparsity: float):
    """Mask by the backend's top_k."""
    flat = ops.reshape(scores, (-1,))
    return ops.cast(scores >= ops.top_k(flat, kept(flat.shape[0], sparsity))[0][-1], scores.dtype)


def by_partition(scores: np.ndarray, sparsity: float) -> np.ndarray:
    """Mask by NumPy's partition of all scores."""
    flat = scores.reshape(-1)
    pruned = flat.size - kept(flat.size, sparsity)
    return scores >= np.partition(flat, pruned)[pruned]


def by_torch(torch, scores, sparsity: float):
    """Mask by PyTorch's kthvalue, as IteRand's code takes it."""
    threshold = torch.kthvalue(scores.flatten(), scores.numel() - kept(scores.numel(), sparsity) + 1).values
    return (scores >= threshold).float()


def compiled(function):
    """The function as the backend compiles it."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function)
    import jax

    return jax.jit(function)


def selections(scores: list[np.ndarray], sparsity: float) -> dict:
    """Calls by name, each giving all masks."""
    tensors = [ops.convert_to_tensor(one) for one in scores]
    calls = {}
    for name, mask in (("topk_mask", topk_mask), ("sort", by_sort), ("top_k", by_top_k)):
        run = compiled(lambda *all_scores, mask=mask: [mask(one, sparsity) for one in all_scores])
        calls[name] = lambda run=run: finished(run(*tensors))
    for name, on_host in (("topk_mask_numpy", topk_mask_numpy), ("np.partition", by_partition)):
        calls[name] = lambda on_host=on_host: [on_host(one, sparsity) for one in scores]
    if torch := torch_or_none():
        theirs = [torch.tensor(one) for one in scores]
        calls["PyTorch, kthvalue"] = lambda: [by_torch(torch, one, sparsity) for one in theirs]
    return calls


def finished(masks: list) -> list:
    """Wait for all of them: JAX returns before they are there."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.block_until_ready(masks)
    return masks


def check(calls: dict, scores: list[np.ndarray], sparsity: float) -> None:
    """Make every call once, and raise an `AssertionError` if masks differ: ours at all, the others but for ties."""
    for name, call in calls.items():
        for found, one in zip(call(), scores, strict=True):
            order = np.argsort(-one.reshape(-1), kind="stable")[: kept(one.size, sparsity)]
            expected = np.zeros(one.size, bool)
            expected[order] = True
            different = int(np.sum(np.asarray(found).reshape(-1) != expected))
            if different > (0 if name in EXACT else 5):
                raise AssertionError(f"{name} marks {different} other scores")


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--sparsity", type=float, default=0.5)
    parser.add_argument("--rounds", type=int, default=10)
    given = parser.parse_args()
    layers = masked_layers(zoo.build("conv6_iterand", width=given.width, seed=0))
    scores = [ops.convert_to_numpy(layer.scores) for layer in layers]
    calls = selections(scores, given.sparsity)
    check(calls, scores, given.sparsity)
    print(f"\n{sum(one.size for one in scores):,} scores, sparsity {given.sparsity}")
    to = "PyTorch, kthvalue" if "PyTorch, kthvalue" in calls else "np.partition"
    print(table(compare(calls, given.rounds), to))


if __name__ == "__main__":
    main()
