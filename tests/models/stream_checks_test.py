import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import Bernoulli, data
from keras_rbm.models import stream_checks
from tests import hostile
from tests.machines import batches
from tests.machines import data as examples


@pytest.mark.parametrize("binarize", ["none", "stochastic", "threshold"])
def test_what_batches_has_checked_is_known(binarize):
    dataset = data.batches(examples(), 16, binarize)
    assert stream_checks.is_known(dataset, Bernoulli(hostile.WIDTH))
    assert not stream_checks.is_known(dataset, Bernoulli(6))
    # What is done with it may change the values.
    changed = dataset.map(lambda v: v + 1.0)
    assert not stream_checks.is_known(changed, Bernoulli(hostile.WIDTH))


def test_values_out_of_range_are_not_known():
    dataset = data.batches(2.0 * examples(), 16)
    assert not stream_checks.is_known(dataset, Bernoulli(hostile.WIDTH))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.1, 1.1])
@pytest.mark.parametrize("place", [(0, 0), (47, 4), (17, 3)])
def test_a_value_is_found_wherever_it_is(value, place):
    x = examples()
    x[place] = value
    guarded = stream_checks.guarded(
        batches(x, size=48), Bernoulli(hostile.WIDTH)
    )
    with (
        pytest.raises(ValueError, match=r"`x` must hold.* 48 5, "),
        stream_checks.told("x"),
    ):
        list(guarded)


def test_what_is_right_passes_unchanged():
    x, weight = examples(), np.linspace(0.0, 3.0, 48)
    dataset = batches(x, x[:, 0], weight)
    guarded = stream_checks.guarded(dataset, Bernoulli(hostile.WIDTH))
    assert guarded.element_spec == dataset.element_spec
    for one, other in zip(guarded, dataset, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, one, other)
