"""Rotation against Pillow's, SciPy's and quarter turns; classes of angles against a search over all of them."""

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from zoo.recipes.papers.modularity.rotation import angle_class, rotate

pytestmark = pytest.mark.backend_free
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(1, 256, (700, 9, 9, 1)).astype("uint8")  # more than are turned at a time
ANGLES = RNG.uniform(0, 360, 700)


def test_images_are_turned_as_pillow_does():
    expected = [np.asarray(Image.fromarray(i[..., 0]).rotate(a)) for i, a in zip(IMAGES, ANGLES, strict=True)]
    np.testing.assert_array_equal(rotate(IMAGES, ANGLES)[..., 0], expected)


@pytest.mark.parametrize("size", [8, 11])
def test_images_are_turned_as_scipy_does(size):
    images, angles = RNG.normal(size=(6, size, size, 3)).astype("float32"), RNG.uniform(-400, 400, 6)
    expected = [
        ndimage.rotate(image, angle, reshape=False, order=0, mode="grid-constant")
        for image, angle in zip(images, angles, strict=True)
    ]
    turned = rotate(images, angles)
    assert turned.dtype == np.float32
    np.testing.assert_array_equal(turned, expected)


@pytest.mark.parametrize("shape", [(3, 8, 8, 2), (3, 7, 7, 1), (3, 28, 28, 1), (3, 32, 32, 3)])
@pytest.mark.parametrize("quarters", [-1, 0, 1, 2, 3, 4, 7])
def test_quarter_turns_are_exact(shape, quarters):
    images = RNG.integers(1, 256, shape).astype("uint8")
    np.testing.assert_array_equal(rotate(images, np.full(3, 90.0 * quarters)), np.rot90(images, quarters, axes=(1, 2)))


def test_what_comes_from_outside_is_black_and_images_are_left_alone():
    images = np.full((1, 20, 10, 1), 255, "uint8")
    turned = rotate(images, [90])
    assert (images == 255).all()
    assert (turned[0, 5:15] == 255).all()
    assert (turned[0, [*range(5), *range(15, 20)]] == 0).all()
    assert rotate(images[:0], []).shape == (0, 20, 10, 1)


@pytest.mark.parametrize(
    ("images", "degrees", "message"),
    [
        (IMAGES[0], ANGLES[:1], r"`images` must have shape \(n, h, w, c\)"),
        (IMAGES[:2], ANGLES[:3], "`degrees` must be one finite number per image, 2"),
        (IMAGES[:2], [0, np.nan], "`degrees` must be one finite number per image, 2"),
    ],
)
def test_bad_images_and_angles_are_refused(images, degrees, message):
    with pytest.raises(ValueError, match=message):
        rotate(images, degrees)


@pytest.mark.parametrize("classes", [1, 4, 12, 360])
def test_classes_are_the_nearest_angle(classes):
    degrees = RNG.uniform(0, 360, 500)
    angles = 360 / classes * np.arange(classes)
    around = [min(range(classes), key=lambda i: min(abs(d - angles[i] - 360 * k) for k in (0, 1))) for d in degrees]
    np.testing.assert_array_equal(angle_class(degrees, classes), around)
    straight = [min(range(classes), key=lambda i: abs(d - angles[i])) for d in degrees]
    np.testing.assert_array_equal(angle_class(degrees, classes, "code"), straight)


def test_the_readings_differ_at_the_end_of_the_circle_only():
    degrees = np.array([0, 14.9, 15, 15.1, 30, 344.9, 345, 345.1, 352, 359.999])
    np.testing.assert_array_equal(angle_class(degrees), [0, 0, 0, 1, 1, 11, 0, 0, 0, 0])
    np.testing.assert_array_equal(angle_class(degrees, reading="code"), [0, 0, 0, 1, 1, 11, 11, 11, 11, 11])
    even = (np.arange(36_000) + 0.5) / 100
    shares = [np.bincount(angle_class(even, reading=r)) / 36_000 for r in ("paper", "code")]
    np.testing.assert_allclose(shares[0], 30 / 360)
    np.testing.assert_allclose(shares[1], [15 / 360, *[30 / 360] * 10, 45 / 360])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1], 7), "`classes` must divide 360. Received: classes=7"),
        (([1], 0), "`classes` must be a positive int"),
        (([1], 12, "papers"), "`reading` must be one of 'paper', 'code'"),
        (([360],), r"`degrees` must be in \[0, 360\)"),
        (([-1],), r"`degrees` must be in \[0, 360\)"),
    ],
)
def test_bad_classes_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        angle_class(*arguments)
