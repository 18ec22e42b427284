"""Minutes that budgets took where their rows are committed: sums of the rows' seconds.

On 2 cores of a Xeon or an EPYC, CPU, with the backend that the rows name, TensorFlow or JAX. Other work ran beside some
runs, so a quiet machine takes less.
"""

MINUTES: dict[str, dict[str, float]] = {
    "ball": {"standard": 0.55, "paper": 0.55},
    "ball-majority": {"standard": 0.12, "paper": 0.12},
    "ball-trained": {"standard": 17.2, "paper": 17.2},
    "cfnn-delta": {"standard": 1.2},
    "cfnn-flips": {"standard": 0.95},
    "cfnn-table3": {"standard": 26.9},
    "complexity": {"smoke": 0.15, "standard": 0.57, "paper": 0.57},
    "cones": {"standard": 0.57, "paper": 0.57},
    "expressivity-fig1": {"standard": 7.3},
    "expressivity-fig10": {"standard": 2.4},
    "expressivity-fig11": {"standard": 0.97},
    "expressivity-fig2": {"standard": 2.9},
    "expressivity-fig3": {"standard": 0.16, "paper": 0.02},
    "expressivity-fig4": {"standard": 3.3},
    "expressivity-fig5": {"standard": 1.7},
    "expressivity-fig6": {"standard": 2.1},
    "expressivity-fig7": {"standard": 5.4},
    "expressivity-fig8": {"standard": 0.99},
    "expressivity-fig9": {"standard": 6.0},
    "iterand-period": {"standard": 43.0},
    "iterand-rate": {"standard": 30.0},
    "iterand-table3": {"standard": 73.4},
    "modularity-assumption1": {"standard": 5.0},
    "modularity-assumption2": {"standard": 6.7},
    "modularity-learning-rate": {"standard": 85.3},
    "modularity-rotation-depth": {"standard": 73.0},
    "modularity-synthetic-depth": {"standard": 63.4},
    "modularity-synthetic-embedding": {"standard": 90.8},
    "simplicity-fig1": {"standard": 4.9, "paper": 4.9},
    "simplicity-fig2": {"standard": 3.8, "paper": 3.8},
    "simplicity-fig3": {"standard": 2.9},
    "simplicity-fig4": {"standard": 5.7},
    "simplicity-table1": {"standard": 0.08, "paper": 0.08},
}
