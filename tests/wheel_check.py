"""What an installed wheel must do outside any checkout; run as a script by an interpreter that has it."""

from pathlib import Path

import numpy as np

import zoo

assert "site-packages" in zoo.__file__, zoo.__file__
assert not Path("zoo").exists(), "run this outside a checkout"
assert ("resnet20_cfnn", "digits") in zoo.list_weights(), zoo.list_weights()
model = zoo.build("resnet20_cfnn", weights="digits", seed=0)
train, val, test = zoo.data.load("digits")
result = zoo.random_accuracy(model, test.x, test.y, samples=5)
assert result.low > 0.9, result
votes = model.predict(np.zeros((1, *model.input_shape[1:]), "uint8"), verbose=0)
assert votes.shape == (1, 10), votes.shape
assert abs(votes.sum() - 1) < 1e-6, votes.sum()
print(f"wheel: {zoo.list_weights()}, majority of 5 on {result.n} digits: {result.accuracy:.4f}")
