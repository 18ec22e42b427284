import keras
import pytest

import zoo
from zoo.layers import Amplify, CoinFlipDropout, HyperDense, MajorityVote, RandomInput, SharedDraws

DENSE = keras.layers.Dense


def test_a_network_without_coins_has_no_random_complexity():
    model = keras.Sequential([keras.Input((3,)), DENSE(7), keras.layers.BatchNormalization(), DENSE(2)])
    assert zoo.complexity(model) == (9, 0)


def test_neurons_behind_a_coin_are_behind_both():
    inputs = keras.Input((3,))
    hidden = CoinFlipDropout(0.5)(Amplify(5)(DENSE(7)(inputs)))
    assert zoo.complexity(keras.Model(inputs, MajorityVote(5)(DENSE(2)(DENSE(4)(hidden))))) == (13, 6)


@pytest.mark.parametrize("samples", [1, 30])
def test_a_generator_is_behind_the_coins_alone(samples):
    inputs = keras.Input((3,))
    embedding = DENSE(4)(DENSE(8)(inputs))
    theta = DENSE(10)(DENSE(6)(RandomInput(5)(SharedDraws(samples)(embedding))))
    model = keras.Model(inputs, MajorityVote(samples)(HyperDense(2, shared=True)([embedding, theta])))
    assert zoo.complexity(model) == (8 + 4 + 2, 6 + 10 + 2)


def test_convolutions_have_a_neuron_per_pixel_and_filter():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(5, 3, strides=2, padding="same")(inputs)
    assert zoo.complexity(keras.Model(inputs, DENSE(2)(keras.layers.Flatten()(x)))) == (4 * 4 * 5 + 2, 0)
    open_ended = keras.Input((None, None, 3))
    with pytest.raises(ValueError, match="`model` must have layers of known sizes"):
        zoo.complexity(keras.Model(open_ended, keras.layers.Conv2D(5, 3)(open_ended)))


def test_models_inside_the_model_are_counted():
    inner = keras.Sequential([keras.Input((3,)), DENSE(7), CoinFlipDropout(0.5), DENSE(2)])
    inputs = keras.Input((3,))
    assert zoo.complexity(keras.Model(inputs, DENSE(4)(inner(DENSE(3)(inputs))))) == (16, 6)


def test_coins_that_rest_at_inference_do_not_count():
    dropout, random = zoo.build("resnet20_dropout", depth=8), zoo.build("resnet20_cfnn", depth=8)
    assert zoo.complexity(dropout) == (zoo.complexity(random).data, 0)
    assert zoo.complexity(zoo.amplify(random, 1, "expected")) == zoo.complexity(dropout)


@pytest.mark.parametrize("dim", [1, 1000])
def test_the_ball_takes_two_neurons_in_any_dimension(dim):
    assert zoo.complexity(zoo.build("ball_cfnn", dim=dim, samples=101)) == (2, 2)


@pytest.mark.parametrize("layer", [keras.layers.LSTM(5), keras.layers.TimeDistributed(keras.layers.Dense(2))])
def test_layers_within_layers_are_refused(layer):
    with pytest.raises(ValueError, match=f"`model` must have no layers within layers. Received: '{layer.name}'"):
        zoo.complexity(keras.Sequential([keras.Input((4, 3)), layer]))


def test_what_has_no_graph_is_refused():
    class Own(keras.Model):
        pass

    with pytest.raises(ValueError, match="`model` must be a Functional model"):
        zoo.complexity(Own())
