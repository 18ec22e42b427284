"""A search with keras-tuner
=========================

Every model of the zoo declares which of its options are worth searching. ``zoo.tuning.hypermodel`` hands them to
keras-tuner, and any tuner of keras-tuner can go through them. Here six trials look for good masks of a random
network.
"""

# %%
# A search space
# --------------
# ``conv6_edge_popup`` leaves its weights random and learns which to prune. Its space has the share that is pruned,
# how the weights are drawn, and the optimiser. We keep the network narrow and fix what we do not want to search.

import json
import tempfile

import keras_tuner
from matplotlib import pyplot as plt

import zoo
from zoo.recipes.reporting.style import use_style

use_style()
hyper = zoo.tuning.hypermodel("conv6_edge_popup", "digits", width=0.2, weight_decay=0.0, score_transform="none", seed=0)
print(json.dumps(hyper.space, default=str))

# %%
# Six trials
# ----------
# The hypermodel brings the data, so that ``search`` needs a number of epochs only. Random search stands for any other
# tuner.

with tempfile.TemporaryDirectory() as folder:
    objective = keras_tuner.Objective("val_accuracy", "max")
    tuner = keras_tuner.RandomSearch(
        hyper, objective=objective, max_trials=6, seed=1, directory=folder, project_name="masks"
    )
    tuner.search(epochs=5, batch_size=64, verbose=0)
    trials = tuner.oracle.get_best_trials(6)
for trial in trials:
    print(f"{100 * trial.score:.1f} %", trial.hyperparameters.values)

# %%
# What mattered
# -------------
# Each dot is a trial. Six trials of five epochs are a sketch, and so is what they say; the same lines with more of
# both are a search.

figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.6), sharey=True)
for trial in trials:
    values = trial.hyperparameters.values
    constant = values["kernel_initializer"] == "signed_kaiming_constant"
    look = {"color": "C0" if constant else "C1", "marker": "o" if constant else "s", "markersize": 8}
    left.plot(values["learning_rate"], 100 * trial.score, **look)
    right.plot(values["sparsity"], 100 * trial.score, **look)
left.set(xscale="log", xlabel="learning rate", ylabel="validation accuracy, %", ylim=(0, 100))
right.set(xlabel="share of weights that is pruned")
right.plot([], [], "C0o", label="signed constant")
right.plot([], [], "C1s", label="uniform")
right.legend(title="weights drawn as", loc="upper right")
plt.show()
