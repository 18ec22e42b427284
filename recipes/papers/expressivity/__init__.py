"""On the Expressive Power of Deep Neural Networks, and Survey of Expressivity in Deep Neural Networks."""
