"""Time votes on digits by the actors of Ray Data against one process, and what a billion of them would cost.

    python -m zoo.recipes.benchmarks.vote_dataset --images 10000 --samples 100 --actors 2

Both sides have one thread of TensorFlow a process. Cores shared with other work show in seconds, hardly in CPU seconds:
both are printed. Starting Ray and the first batch of a process are not counted. A process may run on fewer cores than
there are (`taskset`): images per second and core count those that it may use.
"""

import argparse
import os
import tempfile
import time

import numpy as np

import zoo
from zoo.serving import vote_dataset as module
from zoo.serving.vote_dataset import Voter, numbered, vote_dataset

_BATCH = 64


class TimedVoter(Voter):
    """Votes, with the CPU seconds and the moments in which they were made."""

    def __call__(self, rows):
        """Return the votes and three more columns."""
        if not hasattr(self, "_warm"):
            self._warm = super().__call__(rows)
        began, cpu = time.time(), time.process_time()
        found = {"index": rows["index"], "votes": super().__call__(rows)["votes"]}
        n = len(rows["index"])
        spent = (time.process_time() - cpu) / n
        return {**found, "cpu": np.full(n, spent), "began": np.full(n, began), "ended": np.full(n, time.time())}


def main() -> None:
    """Print images per second and core, their ratio, and the linearity in the number of images."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--actors", type=int, default=2)
    arguments = parser.parse_args()
    x = np.resize(zoo.data.load("digits").test.x, (arguments.images, 8, 8, 1))
    print(f"\n{arguments.images} digits, {arguments.samples} flips each, resnet20_cfnn of depth 8\n")
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/model"
        zoo.export(zoo.build("resnet20_cfnn", weights="digits"), path)
        one = _one_process(path, x, arguments.samples)
        many = _actors(path, x, arguments.samples, arguments.actors)
    agree = bool((one["votes"] == many["votes"]).all())
    per_core = {name: _per_core(found, n) for name, found, n in (("one", one, 1), ("many", many, arguments.actors))}
    for name, n in (("one", 1), ("many", arguments.actors)):
        wall, cpu = per_core[name]
        print(f"{n} process{'es' * (n > 1)}: {wall:.1f} images/s per core, {cpu:.1f} images per CPU second")
    wall, cpu = (b / a for a, b in zip(per_core["one"], per_core["many"], strict=True))
    print(f"ratio per core: {wall:.2f} in seconds, {cpu:.2f} in CPU seconds; the same histograms: {agree}")
    print("\nCPU seconds of the first images, one process:")
    for part in (8, 4, 2, 1):
        n = arguments.images // part
        spent = one["cpu"][:n].sum()
        print(f"{n:>9} images: {spent:8.1f} s, {1e6 * spent / n / arguments.samples:.2f} microseconds a vote")
    hours = one["cpu"].sum() / arguments.images / arguments.samples * 1e9 / 3600
    print(f"10^9 votes, by that slope: {hours:.1f} core hours")


def _one_process(path: str, x: np.ndarray, samples: int) -> dict[str, np.ndarray]:
    voter = TimedVoter(path, ("image", "index"), samples, _BATCH, samples, 0, 1)
    parts = []
    for start in range(0, len(x), _BATCH):
        part = np.arange(start, min(start + _BATCH, len(x)))
        parts.append(voter({"image": x[part], "index": part}))
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _actors(path: str, x: np.ndarray, samples: int, actors: int) -> dict[str, np.ndarray]:
    import ray  # an extra

    module.Voter = TimedVoter
    ray.init(num_cpus=actors, include_dashboard=False, log_to_driver=False)
    try:
        data = numbered(x, _BATCH)
        rows = vote_dataset(path, data, samples, batch_size=_BATCH, block=samples, actors=actors).take_all()
    finally:
        ray.shutdown()
    rows = sorted(rows, key=lambda row: row["index"])
    return {key: np.array([row[key] for row in rows]) for key in ("votes", "cpu", "began", "ended")}


def _per_core(found: dict[str, np.ndarray], processes: int) -> tuple[float, float]:
    seconds = found["ended"].max() - found["began"].min()
    cores = min(processes, len(os.sched_getaffinity(0)))
    return len(found["votes"]) / seconds / cores, len(found["votes"]) / found["cpu"].sum()


if __name__ == "__main__":
    main()
