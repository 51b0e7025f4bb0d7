import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import gibbs, random
from keras_rbm import machine as machine_lib
from tests.machines import (
    assert_law,
    exact_draws,
    machine,
    sweeps,
    sweeps_from_hidden,
    total_variation,
    total_variation_floor,
)
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=1)
MACHINE = machine(ORACLE)
STREAM = random.stream(11)
CHAINS = 100_000
SWEEPS = (1, 4, 16)


@pytest.fixture(scope="module")
def run():
    return tf.function(sweeps, jit_compile=True)


@pytest.fixture(scope="module")
def run_from_hidden():
    return tf.function(sweeps_from_hidden, jit_compile=True)


@pytest.fixture(scope="module")
def v():
    """Exact draws from p(v)."""
    rng = np.random.default_rng(0)
    return exact_draws(rng, ORACLE.p_visible, ORACLE.visible_states, CHAINS)


@pytest.fixture(scope="module")
def h():
    """Exact draws from p(h)."""
    rng = np.random.default_rng(1)
    return exact_draws(rng, ORACLE.p_hidden, ORACLE.hidden_states, CHAINS)


def test_the_start_is_exact_and_the_check_can_fail(v, h):
    assert_law(v, ORACLE.p_visible)
    assert_law(h, ORACLE.p_hidden)
    other = np.full(32, 1 / 32)
    assert total_variation(v, other) > 4 * total_variation_floor(other, CHAINS)


@pytest.mark.parametrize("num_sweeps", SWEEPS)
def test_sweeps_leave_the_law_unchanged(run, v, num_sweeps):
    moved = run(MACHINE, v, STREAM, tf.constant(num_sweeps)).numpy()
    assert_law(moved, ORACLE.p_visible)
    # And they do move.
    assert (moved != v).any(axis=1).mean() > 0.5


@pytest.mark.parametrize("num_sweeps", SWEEPS)
def test_sweeps_from_hidden_states_give_the_law(run_from_hidden, h, num_sweeps):
    v = run_from_hidden(MACHINE, h, STREAM, tf.constant(num_sweeps))
    assert_law(v, ORACLE.p_visible)


def test_one_sweep_has_the_transition_probabilities(run):
    transition = ORACLE.transition()
    for state in (0, 13, 31):
        v = np.tile(ORACLE.visible_states[state], (CHAINS, 1))
        moved = run(MACHINE, v.astype("float32"), STREAM, tf.constant(1))
        assert_law(moved, transition[state])


def no_visible_bias(machine):
    zero = {"bias": tf.zeros_like(machine.visible_params["bias"])}
    return machine._replace(visible_params=zero)


def no_hidden_bias(machine):
    zero = {"bias": tf.zeros_like(machine.hidden_params["bias"])}
    return machine._replace(hidden_params=zero)


def reversed_kernel(machine):
    return machine._replace(kernel=machine.kernel[::-1])


def warmer(machine):
    return machine_lib.scale(machine, 0.9)


@pytest.mark.parametrize(
    "spoil", [no_visible_bias, no_hidden_bias, reversed_kernel, warmer]
)
def test_a_wrong_sweep_is_noticed(run, v, spoil):
    moved = run(spoil(MACHINE), v, STREAM, tf.constant(4))
    floor = total_variation_floor(ORACLE.p_visible, CHAINS)
    assert total_variation(moved.numpy(), ORACLE.p_visible) > 4 * floor


def test_a_repeated_stream_is_noticed(run, v):
    """Sweeps that draw the same numbers again do not keep the law."""
    moved = v
    for _ in range(16):
        moved = run(MACHINE, moved, STREAM, tf.constant(1))
    floor = total_variation_floor(ORACLE.p_visible, CHAINS)
    assert total_variation(moved.numpy(), ORACLE.p_visible) > 4 * floor


def test_draws_of_one_side_have_the_conditional_law():
    state = np.random.default_rng(4).random((1, 5))
    v = tf.constant(np.tile(state, (CHAINS, 1)), tf.float32)
    assert_law(
        gibbs.sample_hidden(MACHINE, v, STREAM),
        ORACLE.p_hidden_given(state)[0],
    )
    state = np.random.default_rng(5).random((1, 4))
    h = tf.constant(np.tile(state, (CHAINS, 1)), tf.float32)
    assert_law(
        gibbs.sample_visible(MACHINE, h, STREAM),
        ORACLE.p_visible_given(state)[0],
    )


def test_run_is_sweeps_with_streams_of_their_own(run, v):
    v = v[:50]
    by_hand = tf.constant(v)
    for i in range(3):
        by_hand = gibbs.sweep(MACHINE, by_hand, random.fold_in(STREAM, i))
    np.testing.assert_array_equal(run(MACHINE, v, STREAM, 3), by_hand)
    np.testing.assert_array_equal(run(MACHINE, v, STREAM, 0), v)


@pytest.mark.parametrize("num_sweeps", [1, 4])
def test_run_from_hidden_is_a_half_sweep_and_then_sweeps(
    run_from_hidden, h, num_sweeps
):
    h = tf.constant(h[:50])
    v = gibbs.sample_visible(MACHINE, h, random.fold_in(STREAM, 0))
    for i in range(1, num_sweeps):
        v = gibbs.sweep(MACHINE, v, random.fold_in(STREAM, i))
    np.testing.assert_array_equal(
        run_from_hidden(MACHINE, h, STREAM, tf.constant(num_sweeps)), v
    )


@pytest.mark.parametrize("function", [sweeps, sweeps_from_hidden])
def test_samples_are_the_same_in_every_mode(function, v, h):
    start = tf.constant((v if function is sweeps else h)[:200])
    eager = function(MACHINE, start, STREAM, 5)
    for jit_compile, num_sweeps in ((False, 5), (True, tf.constant(5))):
        compiled = tf.function(function, jit_compile=jit_compile)
        np.testing.assert_array_equal(
            compiled(MACHINE, start, STREAM, num_sweeps), eager
        )


def test_the_number_of_sweeps_may_be_a_tensor_of_64_bits(v):
    start = tf.constant(v[:20])
    np.testing.assert_array_equal(
        sweeps(MACHINE, start, STREAM, tf.constant(2, tf.int64)),
        sweeps(MACHINE, start, STREAM, 2),
    )


def test_the_number_of_sweeps_needs_no_other_trace(v):
    traces = []

    @tf.function
    def run(v, num_sweeps):
        traces.append(None)
        return sweeps(MACHINE, v, STREAM, num_sweeps)

    start = tf.constant(v[:20])
    few, many = (run(start, tf.constant(n)) for n in (1, 3))
    assert len(traces) == 1
    assert (few != many).numpy().any()


def test_rows_draw_by_their_address(v, h):
    later = STREAM._replace(first_row=50)
    for function, start in ((sweeps, v), (sweeps_from_hidden, h)):
        start = tf.constant(start[:100])
        np.testing.assert_array_equal(
            function(MACHINE, start, STREAM, 2)[50:],
            function(MACHINE, start[50:], later, 2),
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_states_keep_their_dtype(dtype, v, h):
    machine_ = machine(ORACLE, dtype)
    for function, start in ((sweeps, v), (sweeps_from_hidden, h)):
        # In float64 the same draws meet means that differ by a rounding.
        moved = function(machine_, tf.constant(start[:50], dtype), STREAM, 2)
        assert moved.dtype == dtype
        np.testing.assert_array_equal(
            moved, function(MACHINE, tf.constant(start[:50]), STREAM, 2)
        )
