import numpy as np
import pytest

from keras_rbm import Gaussian, Softmax, random
from keras_rbm.likelihood import from_patterns, spaced
from tests.machines import machine
from tests.oracle import Oracle

STREAM = random.stream(0)


def test_rows_are_evenly_spaced():
    rows = np.arange(10)
    np.testing.assert_array_equal(spaced(rows, 5), [0, 2, 4, 6, 8])
    np.testing.assert_array_equal(spaced(rows, 4), [0, 3, 6, 9])
    np.testing.assert_array_equal(spaced(rows, 20), rows)


def test_each_hidden_unit_alone_gives_a_pattern():
    oracle = Oracle(60 * np.eye(4), np.full(4, -30.0), np.zeros(4))
    v = np.asarray(from_patterns(machine(oracle), 8, STREAM))
    np.testing.assert_array_equal(v[:4], np.eye(4))
    # The others come from hidden units that are on or off at random.
    assert v.shape == (8, 4)
    assert 0 < v[4:].mean() < 1


@pytest.mark.parametrize("count", [1, 5, 30])
@pytest.mark.parametrize("hidden", [Softmax(2, 2), Gaussian(4)])
def test_any_hidden_units_and_number(hidden, count):
    target = machine(Oracle.draw(5, 4))._replace(hidden=hidden)
    params = hidden.parameters()
    bias = np.ones(4, "float32")
    own = {"bias": bias} | {
        name: np.ones(p.shape, "float32")
        for name, p in params.items()
        if name != "bias"
    }
    target = target._replace(hidden_params=own)
    v = np.asarray(from_patterns(target, count, STREAM))
    assert v.shape == (count, 5)
    assert np.isin(v, [0, 1]).all()
