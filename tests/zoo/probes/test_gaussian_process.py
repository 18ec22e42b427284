import numpy as np
import pytest

import zoo
from zoo.probes.gaussian_process import (
    distance_of_output,
    expected_distance,
    fewest_random_flips,
    relu_kernel,
    relu_process,
)

SETTINGS = [(1, 2**0.5, 0.0), (2, 2**0.5, 0.0), (3, 1.2, 0.5), (5, 2.0, 1.0)]


@pytest.mark.parametrize(("depth", "sigma_w", "sigma_b"), SETTINGS)
def test_kernel_and_variance_by_drawing_each_layer(depth, sigma_w, sigma_b):
    rng, n = np.random.default_rng(0), 400_000
    for t in (-0.7, 0.0, 0.9):
        covariance = sigma_w**2 * np.array([[1, t], [t, 1]]) + sigma_b**2
        for _ in range(depth):
            u = np.maximum(rng.multivariate_normal([0, 0], covariance, n), 0)
            covariance = sigma_w**2 * (u.T @ u) / n + sigma_b**2
        q = relu_process(depth, sigma_w, sigma_b).variance
        assert covariance[0, 0] == pytest.approx(q, rel=5 * depth * 3 / np.sqrt(n))
        correlation = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
        assert relu_kernel(t, depth, sigma_w, sigma_b) == pytest.approx(correlation, abs=5 * depth * 3 / np.sqrt(n))


@pytest.mark.parametrize(("depth", "sigma_w", "sigma_b"), SETTINGS)
def test_the_slope_is_the_kernel_s_at_one(depth, sigma_w, sigma_b):
    slope = relu_process(depth, sigma_w, sigma_b).slope
    # F(t) = 1 - F'(1) (1 - t) + O((1 - t)^1.5), Eq. 3
    for step, error in ((1e-4, 0.05), (1e-6, 0.005)):
        assert (1 - relu_kernel(1 - step, depth, sigma_w, sigma_b)) / step == pytest.approx(slope, rel=error)
    t = np.linspace(-1, 1, 21)
    kernel = relu_kernel(t, depth, sigma_w, sigma_b)
    assert (kernel >= t - 1e-12).all()
    assert (kernel <= 1 + 1e-12).all()
    assert slope <= 1 + 1e-12


def test_the_paper_s_networks_have_slope_one():
    assert relu_process(2) == pytest.approx((2.0, 1.0))


def test_wide_networks_have_that_covariance():
    n, networks = 64, 2000
    model = zoo.build(
        "random_mlp", dim=n, width=200, depth=2, activation="relu", sigma_w=2**0.5, networks=networks, seed=0
    )
    x = np.ones((2, n), "float32")
    x[1, :16] = -1  # overlap 1/2
    phi = model.predict(x, verbose=0)[..., 0].astype("float64")
    products = np.array([phi[0] ** 2, phi[0] * phi[1]])
    expected = relu_process(2).variance * np.array([1, relu_kernel(0.5, 2)])
    assert (np.abs(products.mean(axis=1) - expected) < 5 * products.std(axis=1) / np.sqrt(networks)).all()


def test_distances_of_the_paper():
    assert expected_distance(784) == pytest.approx(4.33, abs=0.005)
    np.testing.assert_allclose(fewest_random_flips([100, 784]), [25, 196])
    process = relu_process(3, 1.2, 0.5)
    phi = np.sqrt(process.variance) * np.random.default_rng(0).normal(size=1_000_000)
    assert distance_of_output(phi, 500, process).mean() == pytest.approx(
        expected_distance(500, process.slope), rel=5 * 0.76 / 1000
    )


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: relu_process(0), "depth"),
        (lambda: relu_process(1, 0.0), "sigma_w"),
        (lambda: relu_process(1, 1.0, -1.0), "sigma_b"),
        (lambda: relu_kernel(1.1, 1), "overlap"),
        (lambda: expected_distance(1), "length"),
        (lambda: expected_distance(10.5), "length"),
        (lambda: expected_distance(10, 0.0), "slope"),
        (lambda: fewest_random_flips(0), "length"),
    ],
)
def test_bad_arguments_are_named(call, name):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        call()
