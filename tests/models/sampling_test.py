import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.machines import (
    assert_law,
    data,
    rbm,
    total_variation,
    total_variation_floor,
)
from tests.oracle import Oracle

PLAIN = Oracle.draw(5, 4, seed=1)
ORACLE = Oracle(PLAIN.kernel, PLAIN.visible_bias, PLAIN.hidden_bias, 0.8)


@pytest.fixture(scope="module")
def model():
    return rbm(ORACLE)


def test_samples_are_states(model):
    samples = model.sample(9, 3)
    assert samples.shape == (9, 5)
    assert samples.dtype == tf.float32
    assert np.isin(samples, [0.0, 1.0]).all()


def test_samples_follow_the_law(model):
    # So many sweeps forget the start of this machine: what is left of it
    # shrinks by the second eigenvalue of the transition at each.
    eigenvalues = np.sort(np.abs(np.linalg.eigvals(ORACLE.transition())))
    assert eigenvalues[-2] ** 60 < 1e-4
    assert_law(model.sample(50_000, 60, seed=1), ORACLE.p_visible)


@pytest.fixture(scope="module")
def slow():
    """A machine that forgets its start slowly enough to count sweeps."""
    kernel = 3 * PLAIN.kernel
    return Oracle(kernel, -kernel.sum(axis=1) / 2, -kernel.sum(axis=0) / 2)


@pytest.mark.parametrize("num_sweeps", [1, 2])
def test_samples_are_so_many_sweeps_from_the_start(slow, num_sweeps):
    count, state = 20_000, 25
    laws = [
        np.linalg.matrix_power(slow.transition(), k)[state]
        for k in (num_sweeps, num_sweeps - 1, num_sweeps + 1)
    ]
    start = np.tile(slow.visible_states[state], (count, 1)).astype("uint8")
    samples = rbm(slow).sample(num_sweeps=num_sweeps, start=start, seed=2)
    assert_law(samples, laws[0])
    for law in laws[1:]:
        floor = total_variation_floor(law, count)
        assert total_variation(samples.numpy(), law) > 4 * floor


def test_without_a_start_chains_start_from_the_visible_units_alone(model):
    alone = Oracle(np.zeros((5, 4)), PLAIN.visible_bias, np.zeros(4), 0.8)
    assert_law(
        model.sample(50_000, 1, seed=4),
        alone.p_visible @ ORACLE.transition(),
    )


def test_seeds(model):
    first, again, other = (model.sample(9, 3, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).numpy().any()
    # Another number of sweeps is another sample, of the same chains.
    longer = model.sample(9, 4, seed=1)
    assert (first != longer).numpy().any()
    start = data(9)
    np.testing.assert_array_equal(
        model.sample(start=start, num_sweeps=3, seed=1),
        model.sample(start=start, num_sweeps=3, seed=1),
    )


def test_without_a_seed_each_call_draws_others(model):
    keras.utils.set_random_seed(1)
    first, second = model.sample(20, 3), model.sample(20, 3)
    assert (first != second).numpy().any()
    keras.utils.set_random_seed(1)
    np.testing.assert_array_equal(model.sample(20, 3), first)


def test_sampling_changes_nothing(model):
    before = [variable.numpy() for variable in model.variables]
    model.sample(9, 3)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_samples_are_those_of_the_current_parameters():
    model = rbm(ORACLE)
    first = model.sample(20, 3, seed=1)
    model.visible_params["bias"].assign(np.full(5, 50.0))
    np.testing.assert_array_equal(model.sample(20, 3, seed=1), np.ones((20, 5)))
    model.visible_params["bias"].assign(PLAIN.visible_bias)
    np.testing.assert_array_equal(model.sample(20, 3, seed=1), first)


@pytest.mark.parametrize("name", ["num_samples", "num_sweeps"])
@pytest.mark.parametrize("value", [0, -3, 1.5, "2", None, True])
def test_numbers_are_positive_integers(model, name, value):
    arguments = {"num_samples": 3, "num_sweeps": 2, name: value}
    with pytest.raises(ValueError, match=f"`{name}` must be a positive"):
        model.sample(**arguments)


@pytest.mark.parametrize("seed", [-1, 2**64, 0.5, "1"])
def test_bad_seeds(model, seed):
    with pytest.raises(ValueError, match="`seed` must be an integer"):
        model.sample(3, 2, seed=seed)


@pytest.mark.parametrize(
    "start",
    [np.zeros((3, 4)), np.zeros((0, 5)), np.full((3, 5), 2.0), [[0.0] * 5]],
)
def test_bad_starts(model, start):
    with pytest.raises(ValueError, match=r"`start` must"):
        model.sample(start=start)
