from types import SimpleNamespace

import numpy as np
import pytest

from keras_rbm import RBM, Bernoulli, SpectralBound
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
    least_curvature = 2.0


class Flat(Curved):
    least_curvature = 0.0


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
        r"SpectralBound\(value\) with a value below 2\. Received: "
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


def test_what_is_scaled_needs_a_tighter_bound():
    check(Curved(5), Curved(3), SpectralBound(1.9), 0.5)
    with pytest.raises(ValueError, match="below 1"):
        check(Curved(5), Curved(3), SpectralBound(1.9), 2.0)
