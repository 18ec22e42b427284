"""Which numbers an exported model may draw, and that those it draws itself follow their laws to the last bit."""

import keras
import numpy as np
import pytest

import zoo
from zoo.serving.frozen_graph import check_live, drawn_inside, frozen_graph
from zoo.serving.noise import Noise, draw

pytestmark = pytest.mark.on_tensorflow


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_uniform_numbers_of_16_bits_stay_below_one(dtype):
    import tensorflow as tf

    noise = [Noise("u", dtype, (20_000,), False, "uniform")]  # one in 4,096, or in 512, rounds to 1
    for drawn in (drawn_inside(noise, tf.constant(1))["u"].numpy(), draw(noise, 1, seed=0)["u"]):
        assert drawn.dtype == dtype
        assert (drawn < 1).all()
        assert drawn.astype("float32").max() > 0.99


def test_integers_keep_bounds_that_no_float_has(tmp_path):
    class Integers(zoo.layers.CoinLayer):
        def __init__(self, low, high, **kwargs):
            super().__init__(**kwargs)
            self.low, self.high = low, high

        def call(self, inputs, training=None):
            drawn = keras.random.randint((1,), self.low, self.high, dtype="int64", seed=self.generator(training))
            return inputs + keras.ops.cast(drawn, inputs.dtype)

    import tensorflow as tf

    low = 2**53 + 1
    inputs = keras.Input((3,))
    near, wide = (keras.Model(inputs, Integers(low, low + n, seed=0)(inputs)) for n in (3, 2**21))
    (law,) = frozen_graph(near, ["images"]).laws.values()
    assert law == {"law": "integers", "low": low, "high": low + 3}
    noise = [Noise("n", "int64", (200,), False, **law)]
    check_live(noise)
    assert set(drawn_inside(noise, tf.constant(1))["n"].numpy().tolist()) == {low, low + 1, low + 2}
    with pytest.raises(ValueError, match=r'1048576 at most where coins="live"; coins="input" takes any'):
        check_live([noise[0]._replace(high=low + 2**21)])
    zoo.export(wide, tmp_path / "input", coins="input")
    assert np.isfinite(draw([noise[0]._replace(high=low + 2**21)], 1)["n"]).all()
