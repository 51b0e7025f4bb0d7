"""A layer that starts as the one below it, turned over."""

import numpy as np

from keras_rbm import RBM
from keras_rbm import machine as machine_lib
from keras_rbm.networks import tie
from tests.machines import rbm, rounding
from tests.oracle import Oracle, all_states

ORACLE = Oracle.draw(5, 4, seed=1)


def test_the_law_of_what_is_between_stays_the_same():
    """p(h) of the lower machine is p(v) of the upper one."""
    lower, upper = rbm(ORACLE), RBM(4, 5, seed=1)
    upper.data_mean.assign(np.linspace(0.1, 0.4, 4))
    assert tie(lower, upper)
    h = all_states(4).astype("float32")
    turned = machine_lib.flip(lower.machine())
    np.testing.assert_allclose(
        upper.free_energy(h),
        machine_lib.free_energy(turned, h),
        atol=rounding("float32", 20.0, operations=10),
    )
    # The offsets fit the new parameters.
    np.testing.assert_allclose(
        upper.offsets.hidden,
        upper.predict_hidden(np.linspace(0.1, 0.4, 4)[None])[0],
        atol=rounding("float32", 1.0, operations=10),
    )


def test_other_shapes_and_temperatures_are_left_alone():
    lower = rbm(ORACLE)
    for upper in (
        RBM(4, 6, seed=1),
        RBM(4, 5, seed=1, inverse_temperature=ORACLE.beta + 1),
    ):
        before = upper.kernel.numpy()
        assert not tie(lower, upper)
        np.testing.assert_array_equal(upper.kernel, before)
