"""The papers, one folder each; a paper knows no other."""

# Modules that register recipes and experiments, by the papers' order; each list is imported when a name is asked for.
TRAININGS = (
    "zoo.recipes.papers.coin_flipping.trainings",
    "zoo.recipes.papers.iterand.trainings",
)
EXPERIMENTS = (
    "zoo.recipes.papers.modularity.experiments",
    "zoo.recipes.papers.modularity.assumptions",
    "zoo.recipes.papers.coin_flipping.hypernet_depth",
    "zoo.recipes.papers.coin_flipping.dropout_table",
    "zoo.recipes.papers.coin_flipping.vote_margins",
    "zoo.recipes.papers.coin_flipping.sampling_generalization",
    "zoo.recipes.papers.coin_flipping.ball",
    "zoo.recipes.papers.coin_flipping.cones",
    "zoo.recipes.papers.coin_flipping.complexity",
    "zoo.recipes.papers.coin_flipping.trained_ball",
    "zoo.recipes.papers.expressivity.dichotomies",
    "zoo.recipes.papers.expressivity.trajectories",
    "zoo.recipes.papers.expressivity.regions",
    "zoo.recipes.papers.expressivity.one_layer",
    "zoo.recipes.papers.expressivity.training_trajectories",
    "zoo.recipes.papers.simplicity.random_networks",
    "zoo.recipes.papers.simplicity.mnist",
    "zoo.recipes.papers.iterand.pruning_table",
    "zoo.recipes.papers.iterand.randomization_sweeps",
    "zoo.recipes.papers.iterand.pruning_curves",
)
