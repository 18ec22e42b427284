"""Random deep neural networks are biased towards simple functions: bits that flip before the class does."""

TITLE = "Random deep neural networks are biased towards simple functions"
