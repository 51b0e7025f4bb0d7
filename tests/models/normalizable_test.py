from types import SimpleNamespace

import keras
import numpy as np
import pytest

from keras_rbm import RBM, Bernoulli, Gaussian, NoisyReLU, SpectralBound
from keras_rbm.models import normalizable


def check(visible, hidden, constraint, inverse_temperature=1.0):
    parameters = SimpleNamespace(
        visible=visible, hidden=hidden, kernel_constraint=constraint
    )
    normalizable.check(parameters, inverse_temperature)


class Curved(Bernoulli):
    """Units without bound, whose energy rises at least as x^2."""

    support = (-np.inf, np.inf)
    states = None

    def least_curvature(self, inverse_temperature=1.0):
        return 2.0


class Flat(Curved):
    def least_curvature(self, inverse_temperature=1.0):
        return 0.0


@pytest.mark.parametrize("other", [Bernoulli(3), Curved(3), Flat(3)])
def test_one_bounded_side_is_enough(other):
    check(Bernoulli(5), other, None)
    check(other, Bernoulli(5), None)


@pytest.mark.parametrize(
    "constraint", [None, SpectralBound(2.0), SpectralBound(5.0)]
)
def test_two_sides_without_bound_are_refused(constraint):
    with pytest.raises(
        ValueError,
        match=r"`visible` and `hidden` must not both be without bound.*"
        r"SpectralBound\(value\) with a value below 2, which .* Received: "
        r"visible=Curved\(size=5\), hidden=Curved\(size=3\)",
    ):
        RBM(Curved(5), Curved(3), kernel_constraint=constraint)


def test_units_that_nothing_holds_are_refused_with_any_kernel():
    with pytest.raises(ValueError, match="no kernel is small enough"):
        check(Curved(5), Flat(3), SpectralBound(1e-3))


def test_a_bound_on_the_kernel_makes_them_normalizable():
    model = RBM(
        Curved(5),
        Curved(3),
        kernel_constraint=SpectralBound(1.9),
        kernel_initializer="ones",  # Its norm is sqrt(15).
    )
    assert np.linalg.norm(model.kernel, 2) < 1.9


def test_curvature_that_is_scaled_too_needs_no_tighter_bound():
    pair = Gaussian(5, precision=1.0), Gaussian(3, precision=4.0)
    for inverse_temperature in (0.5, 1.0, 2.0):
        check(*pair, SpectralBound(1.9), inverse_temperature)
        with pytest.raises(ValueError, match=r"value below 2, "):
            check(*pair, SpectralBound(2.0), inverse_temperature)


def test_curvature_of_a_base_measure_is_not_scaled():
    for other, limit in ((NoisyReLU(3), 0.5), (Gaussian(3, 8.0), 2.0)):
        pair = NoisyReLU(5), other
        check(*pair, SpectralBound(0.99 * limit), 2.0)
        with pytest.raises(ValueError, match=rf"value below {limit:g}, "):
            check(*pair, SpectralBound(limit), 2.0)


def test_a_precision_starts_where_its_minimum_lets_it():
    pair = [Gaussian(n, minimum_precision=4.0) for n in (4, 3)]
    model = RBM(
        *pair,
        kernel_constraint=SpectralBound(3.9),
        kernel_initializer=keras.initializers.RandomNormal(seed=0, stddev=9.0),
    )
    assert model.log_partition().trusted  # Normalizable from the start.
