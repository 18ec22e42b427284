"""On the Expressive Power of Deep Neural Networks: trajectories, transitions and dichotomies of random networks."""

TITLE = "On the Expressive Power of Deep Neural Networks"
