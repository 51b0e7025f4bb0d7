"""Block Gibbs sampling as a sampler: its steps, and what chains keep of it."""

import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import Gibbs, random, samplers
from keras_rbm import machine as machine_lib
from tests.machines import assert_law, machine
from tests.oracle import Oracle, all_states

PLAIN = Oracle.draw(5, 4, seed=1)
# The same machine colder, so that its scaling is tested too.
ORACLE = Oracle(PLAIN.kernel, PLAIN.visible_bias, PLAIN.hidden_bias, 1.5)
MACHINE = machine_lib.scale(machine(PLAIN), 1.5)
CHAINS = 20_000
STREAM = random.stream(5)
V, H = np.array([[1.0, 0, 0, 1, 1]]), np.array([[0.0, 1, 1, 0]])


def tiled(row):
    return tf.constant(np.repeat(row, CHAINS, axis=0), tf.float32)


def test_a_step_draws_the_hidden_and_then_the_visible_units():
    """Pairs (h, v) have the law p(h | v_before) p(v | h)."""
    state = Gibbs().init(MACHINE, tiled(V))
    state, info = Gibbs().step(MACHINE, state, STREAM)
    up = ORACLE.p_hidden_given(V)[0]
    down = ORACLE.p_visible_given(ORACLE.hidden_states)
    assert_law(
        np.concatenate([info.h, Gibbs().samples(state)], axis=1),
        (up[:, None] * down).ravel(),
    )
    assert info.swaps is None


def test_a_step_from_hidden_states_draws_the_visible_units_alone():
    state = samplers.HiddenState(tiled(H))
    state, info = Gibbs().step(MACHINE, state, STREAM)
    np.testing.assert_array_equal(info.h, tiled(H))
    assert_law(state.v, ORACLE.p_visible_given(H)[0])


@pytest.mark.parametrize("hidden", [False, True])
def test_clamped_entries_keep_their_values_in_a_step(hidden):
    mask = np.array([True, False, False, True, False])
    values = np.tile([[0.0, 1, 1, 0, 1], [1, 0, 0, 0, 1]], (CHAINS // 2, 1))
    clamp = samplers.Clamp(tf.constant(mask), tf.constant(values))
    start = (
        samplers.HiddenState(tiled(H))
        if hidden
        else Gibbs().init(None, tiled(V))
    )
    clamped_state, info = Gibbs().step(MACHINE, start, STREAM, clamp)
    free_state, free_info = Gibbs().step(MACHINE, start, STREAM)
    # The same draws, but for what is clamped.
    np.testing.assert_array_equal(info.h, free_info.h)
    np.testing.assert_array_equal(
        clamped_state.v, np.where(mask, values, free_state.v)
    )


def test_persistent_chains_keep_hidden_states_drawn_from_their_inputs():
    inputs = machine_lib.hidden_inputs(MACHINE, tiled(V))
    kept = Gibbs().refresh(MACHINE, inputs, STREAM)
    assert list(kept) == ["particles"]
    assert_law(kept["particles"], ORACLE.p_hidden_given(V)[0])
    # Nothing else is kept: neither of the state nor of its starts.
    assert Gibbs().pack(Gibbs().init(MACHINE, tiled(V))) == {}
    assert Gibbs().kept(7, 5, 4) == {"particles": samplers.Kept((7, 4), 0)}
    assert Gibbs().adapt(kept) is kept


def test_particles_are_draws_given_the_hidden_states_that_are_kept():
    v = Gibbs().particles(MACHINE, {"particles": tiled(H)}, STREAM)
    assert_law(v, ORACLE.p_visible_given(H)[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_state_of_kept_values_has_the_dtype_of_the_machine(dtype):
    h = all_states(4)
    kept = {"particles": tf.constant(h, tf.float32)}
    state = Gibbs().unpack(machine(PLAIN, dtype), kept)
    assert isinstance(state, samplers.HiddenState)
    assert state.h.dtype == dtype
    np.testing.assert_array_equal(state.h, h)


def test_chains_keep_the_dtype_of_their_start():
    """In float64 the same draws meet means that differ by a rounding."""
    states = [
        Gibbs().step(machine(PLAIN, dtype), samplers.GibbsState(v), STREAM)[0]
        for dtype in ("float32", "float64")
        for v in [tf.constant(all_states(5), tf.float32)]
    ]
    assert [state.v.dtype for state in states] == ["float32"] * 2
    np.testing.assert_array_equal(states[0].v, states[1].v)
