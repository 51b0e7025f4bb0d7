import numpy as np
import pytest

from keras_rbm import Bernoulli, Gaussian, Softmax, random
from keras_rbm import machine as machine_lib
from keras_rbm.likelihood import visited_states
from tests.machines import machine
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=3)
MACHINE = machine(ORACLE)
STREAM = random.stream(5)


def test_all_states_of_a_side_have_log_z():
    found = visited_states(MACHINE, ORACLE.visible_states, STREAM)
    assert found == pytest.approx(ORACLE.log_z, abs=1e-6)


@pytest.mark.parametrize("count", [1, 2, 10, 20])
def test_some_states_have_less_and_each_counts_once(count):
    v = ORACLE.visible_states[:count]
    found = visited_states(MACHINE, np.repeat(v, 3, axis=0), STREAM)
    visible = np.logaddexp.reduce(-ORACLE.free_energy(v))
    # Float32 parameters, in float64.
    assert visible - 1e-6 <= found <= ORACLE.log_z + 1e-6


def test_a_mixture_is_found_by_its_components():
    """Few of 2^40 visible states; the three of the hidden side."""
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(40, 3)).astype("float32")
    zeros = {"bias": np.zeros(40, "float32")}
    c = np.array([1.0, 0.0, -1.0], "float32")
    mixture = machine_lib.Machine(
        Bernoulli(40), Softmax(1, 3), kernel, zeros, {"bias": c}
    )
    exact = np.logaddexp.reduce(c + np.logaddexp(0, kernel).sum(axis=0))
    v = (kernel.T > 0).astype("float32")
    assert visited_states(mixture, v, STREAM) == pytest.approx(exact, abs=1e-5)


def test_real_states_cannot_be_summed():
    sides = Gaussian(3, precision=1.0), Gaussian(2, precision=1.0)
    params = [{"bias": np.zeros(side.width, "float32")} for side in sides]
    real = machine_lib.Machine(*sides, np.zeros((3, 2), "float32"), *params)
    assert visited_states(real, np.zeros((4, 3), "float32"), STREAM) is None
