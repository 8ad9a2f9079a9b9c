"""Problems: gradients against finite differences, samples, data, bounds."""

import numpy as np
import pytest

from core import ScenarioError
from core.learning.digits import MEASURED, Digits, images
from core.learning.quadratic import NoisyQuadratic
from core.learning.registry import PROBLEMS
from core.links import PARAMETERS


def rng(number=0):
    return np.random.default_rng(number)


@pytest.mark.parametrize(
    "problem", [Digits(), Digits(hidden=()), Digits(hidden=(7, 5)), NoisyQuadratic(noise=0)], ids=lambda p: p.name
)
def test_gradients_are_those_of_the_loss(problem):
    """Central differences in random directions; two runs and three learning rates at once."""
    parameters = problem.start(rng()) + 0.1 * rng(1).standard_normal((2, 3, problem.size))
    everything = np.arange(MEASURED) if isinstance(problem, Digits) else problem.mini_batches(rng(), 1)[0]
    gradient = problem.gradient(parameters, np.broadcast_to(everything, (2, 1, *everything.shape)))
    for number in range(5):
        direction = rng(10 + number).standard_normal(problem.size)
        ahead, behind = (problem.measure(parameters + step * direction)["loss"] for step in (1e-6, -1e-6))
        np.testing.assert_allclose(gradient @ direction, (ahead - behind) / 2e-6, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_gradients_of_several_mini_batches_are_their_mean(problem):
    parameters = problem.start(rng()) + 0.1 * rng(1).standard_normal((2, 3, problem.size))
    batches = problem.mini_batches(rng(), 80).reshape(2, 40, *problem.batch_shape)
    one_by_one = [problem.gradient(parameters, batches[:, [i]]) for i in range(40)]
    np.testing.assert_allclose(
        problem.gradient(parameters, batches), np.mean(one_by_one, axis=0), rtol=1e-10, atol=1e-14
    )


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_longer_streams_begin_with_the_same_samples(problem):
    long = problem.mini_batches(rng(), 500)
    assert long.shape == (500, *problem.batch_shape)
    for count in (1, 89, 90, 300):
        np.testing.assert_array_equal(problem.mini_batches(rng(), count), long[:count])


def test_every_training_image_comes_once_in_each_pass():
    stream = Digits(batch=1).mini_batches(rng(), 3 * 1437).reshape(3, 1437)
    assert (np.sort(stream, axis=1) == np.arange(1437)).all()
    assert (stream[0] != stream[1]).any()


def test_noise_has_the_variance_of_a_mini_batch():
    """noise²/batch, within 4 standard errors of a variance, √(2/n) of it."""
    noise = NoisyQuadratic(curvatures=(1.0,), noise=3, batch=4).mini_batches(rng(), 100_000)
    assert noise.var() == pytest.approx(9 / 4, rel=4 * np.sqrt(2 / 100_000))


def test_digits_are_the_published_ones():
    """1,797 images with pixels in sixteenths, as many of each digit as the source states; read-only."""
    training, test = images()
    assert training.pixels.shape == (64, 1437)
    assert test.pixels.shape == (64, 360)
    published = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.bincount(np.concatenate([training.digits, test.digits])).tolist() == published
    sixteenths = np.hstack([training.pixels, test.pixels]) * 16
    assert (sixteenths == sixteenths.round()).all()
    assert (sixteenths.min(), sixteenths.max()) == (0, 16)
    assert sixteenths.sum() == 561_718
    for array in (*training, *test):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_measures_by_hand():
    """All weights zero: every digit is as likely, and "0" is guessed; the bowl: half of Σ λx²."""
    _, test = images()
    measures = Digits().measure(np.zeros(Digits().size))
    assert measures["loss"] == pytest.approx(np.log(10))
    assert measures["accuracy"] == (test.digits == 0).mean()
    assert NoisyQuadratic(curvatures=(4.0, 1.0)).measure(np.array([1.0, 3.0])) == {"loss": 6.5}


def test_a_problem_is_known_by_its_code_alone():
    """What the control offers, and what a link calls it, is read off the registry."""
    assert {code: problem.code for code, problem in PROBLEMS.items()} == {code: code for code in PROBLEMS}
    assert {"network", "softmax", "quadratic"} <= PROBLEMS.keys()  # in links that were kept
    control = PARAMETERS["problem"]
    assert control.rule.choices == tuple(PROBLEMS)
    for problem in PROBLEMS.values():
        assert problem.what
        assert problem.what in control.help


def test_sizes_and_names():
    assert Digits().size == 64 * 32 + 32 + 32 * 10 + 10
    assert [problem.name for problem in (Digits(), Digits(hidden=()), Digits(hidden=(9, 8)))] == [
        "Digits, network 64–32–10",
        "Digits, softmax regression",
        "Digits, network 64–9–8–10",
    ]
    assert NoisyQuadratic(curvatures=(1.0, 3.0)).target == 2 / 50


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        (Digits, "batch", 0),
        (Digits, "batch", 257),
        (Digits, "hidden", 32),
        (Digits, "hidden", (32, 0)),
        (Digits, "hidden", (1, 1, 1, 1)),
        (NoisyQuadratic, "curvatures", ()),
        (NoisyQuadratic, "curvatures", (1.0, 0.0)),
        (NoisyQuadratic, "curvatures", [1.0]),
        (NoisyQuadratic, "noise", -1),
        (NoisyQuadratic, "noise", float("nan")),
    ],
)
def test_values_out_of_bounds_are_refused(kind, field, value):
    with pytest.raises(ScenarioError, match=f"problem.{field}: "):
        kind(**{field: value})
