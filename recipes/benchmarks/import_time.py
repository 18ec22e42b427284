"""Time of `import zoo` against `import keras`, each in fresh processes, interleaved.

python -m zoo.recipes.benchmarks.import_time [--rounds 7]
"""

import argparse
import subprocess
import sys
import time

import numpy as np
from tabulate import tabulate


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    seconds = {"keras": [], "zoo": []}
    for round_ in range(rounds + 1):
        for module, times in seconds.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", f"import {module}"], check=True, capture_output=True)
            if round_:  # the first one fills the disk's cache
                times.append(time.perf_counter() - started)
    ratio = np.median(np.array(seconds["zoo"]) / np.array(seconds["keras"]))
    rows = [(f"import {module}", f"{np.median(times):.2f}") for module, times in seconds.items()]
    print(tabulate([*rows, ("zoo / keras, median of pairs", f"{ratio:.3f}")], ["", "seconds"], tablefmt="github"))


if __name__ == "__main__":
    main()
