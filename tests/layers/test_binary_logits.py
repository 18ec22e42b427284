import keras
import numpy as np
import pytest

from zoo.layers import BinaryLogits, MajorityVote


def test_the_sign_of_a_score_is_its_class():
    scores = np.array([[-3.0], [-0.1], [0.0], [2.0]], "float32")
    logits = keras.ops.convert_to_numpy(BinaryLogits()(scores))
    np.testing.assert_array_equal(logits, np.concatenate([-scores, scores], axis=1) / 2)
    soft = keras.ops.convert_to_numpy(keras.ops.softmax(logits))[:, 1]
    np.testing.assert_allclose(soft, 1 / (1 + np.exp(-scores[:, 0])), rtol=1e-5)
    votes = keras.ops.convert_to_numpy(MajorityVote(1)(logits))
    np.testing.assert_array_equal(votes[[0, 1, 3]], [[1, 0], [1, 0], [0, 1]])
    np.testing.assert_allclose(votes[2], [0.5, 0.5], atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 2), (2,), (2, 1, 1)])
def test_bad_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"BinaryLogits takes \(rows, 1\)"):
        BinaryLogits()(np.ones(shape, "float32"))
