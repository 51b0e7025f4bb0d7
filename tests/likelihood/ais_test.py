"""Forward and reverse annealing, against enumeration.

The chains are independent, so that one run of many of them, cut into groups,
is as many runs of few.
"""

import contextlib
import importlib

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_rbm import Bernoulli, random
from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled
from keras_rbm.likelihood import ais, betas, exact, reverse_ais
from keras_rbm.likelihood.estimate import estimate
from keras_rbm.machine import Machine
from tests.machines import (
    assert_law,
    assert_means,
    exact_draws,
    machine,
    rounding,
)
from tests.oracle import Oracle

module = importlib.import_module("keras_rbm.likelihood.ais")
# Biases that nearly undo the coupling: two modes, far from the base.
KERNEL = 1.5 * np.random.default_rng(3).normal(size=(5, 4))
ORACLE = Oracle(
    KERNEL,
    -0.5 * KERNEL.sum(axis=1) + np.linspace(-0.2, 0.3, 5),
    -0.5 * KERNEL.sum(axis=0) + np.linspace(-0.1, 0.2, 4),
)
MACHINE = machine(ORACLE)
MEAN = ORACLE.moments()[1]
BASE = machine_lib.decouple(MACHINE, MEAN)
BASE_LOG_Z = estimate(BASE, np.zeros(1), None).log_z
STREAM = random.stream(7)
FEW, CHAINS = 3, 20_000


def in_groups(result, size, sign=1):
    """Independent estimates of log Z from `size` chains each."""
    log_weights = result.log_weights.reshape(-1, size)
    log_mean = np.logaddexp.reduce(log_weights, axis=1) - np.log(size)
    return BASE_LOG_Z + sign * log_mean


@contextlib.contextmanager
def evenly():
    """Even steps, all of them large: a wrong one is then seen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "betas", lambda n: np.linspace(0, 1, n + 1))
        yield


@pytest.fixture(scope="module")
def forward():
    """So few betas that the bias is clear, and very many chains."""
    with evenly():
        return ais(MACHINE, BASE, STREAM, FEW, CHAINS)


@pytest.fixture(scope="module")
def exact_v():
    """Exact draws from p(v)."""
    rng = np.random.default_rng(0)
    return exact_draws(rng, ORACLE.p_visible, ORACLE.visible_states, CHAINS)


@pytest.fixture(scope="module")
def reverse(exact_v):
    with evenly():
        return reverse_ais(MACHINE, BASE, exact_v, STREAM, FEW)


@pytest.fixture(scope="module")
def fine():
    """Many betas, at which the law of the end is that of the machine."""
    return ais(MACHINE, BASE, STREAM, 200, CHAINS)


def test_the_mean_weight_is_the_ratio_of_partition_functions(forward, reverse):
    ratio = np.exp(ORACLE.log_z - BASE_LOG_Z)
    for log_weights, expected in (
        (forward.log_weights, 1.0),
        # That of the reverse is of the inverse.
        (reverse.log_weights + 2 * np.log(ratio), 1.0),
    ):
        weights = np.exp(log_weights) / ratio
        error = weights.std(ddof=1) / np.sqrt(CHAINS)
        assert error < 0.05  # Else this would say nothing.
        assert abs(weights.mean() - expected) < 4 * error


def test_all_chains_find_log_z(forward, reverse, fine):
    for result in (forward, reverse, fine):
        assert result.log_weights.shape == (CHAINS,)
        assert result.log_weights.dtype == "float64"
        assert result.particles.shape == (CHAINS, 5)
        distance = abs(result.log_z - ORACLE.log_z)
        assert distance < 4 * result.standard_error
    assert fine.standard_error < forward.standard_error
    assert fine.effective_sample_size > forward.effective_sample_size


@pytest.mark.parametrize("size", [1, 2, 5])
def test_few_chains_are_below_forward_and_above_in_reverse(
    forward, reverse, size
):
    below = in_groups(forward, size) - ORACLE.log_z
    above = in_groups(reverse, size, sign=-1) - ORACLE.log_z
    error = np.sqrt(size / CHAINS)
    assert below.mean() < -4 * error * below.std(ddof=1)
    assert above.mean() > 4 * error * above.std(ddof=1)


def test_the_bias_falls_with_chains_and_with_betas(forward, fine):
    def bias(result, size):
        return ORACLE.log_z - in_groups(result, size).mean()

    assert bias(forward, 1) > 2 * bias(forward, 5)
    assert bias(forward, 1) > 10 * bias(fine, 1)


def test_the_standard_error_is_the_spread_of_estimates(fine):
    size = 50
    estimates = [
        estimate(BASE, log_weights, None)
        for log_weights in fine.log_weights.reshape(-1, size)
    ]
    log_z = np.array([e.log_z for e in estimates])
    np.testing.assert_allclose(log_z, in_groups(fine, size))
    spread = log_z.std(ddof=1)
    told = np.sqrt(np.mean([e.standard_error**2 for e in estimates]))
    # That of the spread of a normal law; the delta method is off by a part
    # that falls with the variance of the mean weight, told squared.
    error = 1 / np.sqrt(2 * len(estimates)) + told**2
    assert error < 0.05
    assert abs(spread / told - 1) < 4 * error


def annealed(beta):
    """The oracle on the way from the base to the machine."""
    bias = BASE.visible_params["bias"].numpy().astype("float64")
    return Oracle(
        beta * ORACLE.kernel,
        (1 - beta) * bias + beta * ORACLE.visible_bias,
        beta * ORACLE.hidden_bias,
    )


@pytest.mark.parametrize(("old", "new"), [(0.0, 0.8), (0.3, 0.6), (0.9, 0.1)])
def test_a_step_weighs_and_then_sweeps_at_the_new_beta(old, new):
    for state in (9, 22):
        v = np.tile(ORACLE.visible_states[state], (CHAINS, 1))
        moved, log_weights = module._run(
            MACHINE,
            BASE,
            tf.constant(v, tf.float32),
            tf.zeros((CHAINS,), "float64"),
            tf.constant([old, new]),
            STREAM,
            tf.constant(0, "int64"),
            tf.constant(1),
        )
        change = (
            annealed(old).free_energy(v[:1]) - annealed(new).free_energy(v[:1])
        )[0]
        # Sums of some 30 numbers up to 20 in float32.
        error = rounding("float32", 20.0, 30)
        np.testing.assert_allclose(log_weights, change, rtol=0, atol=error)
        assert_law(moved, annealed(new).transition()[state])


def test_chains_start_from_the_base():
    # Zero steps away from the end there is nothing but the draws of the base
    # and a sweep of the machine itself: plain importance sampling.
    result = ais(MACHINE, BASE, STREAM, 1, 1000)
    v = Oracle(
        np.zeros((5, 4)), BASE.visible_params["bias"].numpy(), np.zeros(4)
    )
    values = -ORACLE.free_energy(v.visible_states) + v.free_energy(
        v.visible_states
    )
    distance = np.abs(result.log_weights[:, None] - values)
    states = distance.argmin(axis=1)
    # Sums of some 30 numbers up to 20 in float32.
    assert distance.min(axis=1).max() < rounding("float32", 20.0, 30)
    assert_law(v.visible_states[states], v.p_visible)


def test_particles_end_in_the_law_that_the_path_leads_to(fine, exact_v):
    # At 200 betas the chains follow closely, and weigh nearly the same.
    weights = np.exp(fine.log_weights - fine.log_weights.max())
    keep = np.random.default_rng(1).random(CHAINS) < weights
    assert keep.mean() > 0.05
    assert_law(fine.particles[keep], ORACLE.p_visible)
    result = reverse_ais(MACHINE, BASE, exact_v, STREAM, 1)
    # One step: a sweep at beta = 0 forgets where it started.
    p = BASE.visible.mean(tf.zeros((1, 5)), BASE.visible_params)[0]
    assert_means(result.particles, p.numpy())


def test_a_wrong_start_of_the_reverse_is_noticed(exact_v):
    result = reverse_ais(MACHINE, BASE, np.ones_like(exact_v), STREAM, FEW)
    distance = abs(result.log_z - ORACLE.log_z)
    assert distance > 8 * result.standard_error


def test_the_coupling_counts_with_its_strength():
    factor = 0.5
    warm = Oracle(
        factor * ORACLE.kernel, ORACLE.visible_bias, ORACLE.hidden_bias
    )
    result = ais(MACHINE._replace(beta=factor), BASE, STREAM, 50, 1000)
    assert abs(result.log_z - warm.log_z) < 4 * result.standard_error
    other = abs(result.log_z - ORACLE.log_z)
    assert other > 8 * result.standard_error


def test_without_coupling_both_are_exact():
    rng = np.random.default_rng(1)
    oracle = Oracle(np.zeros((5, 4)), rng.normal(size=5), rng.normal(size=4))
    machine_ = machine(oracle, "float64")
    base = machine_lib.decouple(machine_, oracle.moments()[1])
    v = exact_draws(rng, oracle.p_visible, oracle.visible_states, 20)
    for result in (
        ais(machine_, base, STREAM, 50, 20),
        reverse_ais(machine_, base, v, STREAM, 50),
    ):
        # Each of 50 steps adds 9 terms up to 3.
        error = rounding("float64", 3.0, 50 * 9)
        assert result.log_z == pytest.approx(oracle.log_z, abs=error)
        assert result.effective_sample_size == pytest.approx(20, abs=20 * error)
        assert result.standard_error < np.sqrt(error)


def test_independent_machines_add_up():
    parts = [Oracle.draw(4, 3, seed=1), Oracle.draw(3, 5, seed=2)]
    kernel = np.zeros((7, 8))
    kernel[:4, :3], kernel[4:, 3:] = parts[0].kernel, parts[1].kernel
    both = Oracle(
        kernel,
        np.concatenate([p.visible_bias for p in parts]),
        np.concatenate([p.hidden_bias for p in parts]),
    )
    results = []
    for oracle in (both, *parts):
        machine_ = machine(oracle)
        base = machine_lib.decouple(machine_, oracle.moments()[1])
        results.append(ais(machine_, base, STREAM, 300, 500))
    error = np.sqrt(sum(r.standard_error**2 for r in results))
    whole, *of_parts = (r.log_z for r in results)
    assert abs(whole - sum(of_parts)) < 4 * error
    assert abs(whole - sum(exact(machine(p)).log_z for p in parts)) < 4 * error
    assert error < 0.2


@pytest.fixture(scope="module")
def in_float64():
    """Draws that roundings leave alone, and the run in blocks as they are."""
    machine_ = machine(ORACLE, "float64")
    base = machine_lib.decouple(machine_, MEAN)
    return machine_, base, ais(machine_, base, STREAM, 20, 20)


def assert_same(first, second):
    np.testing.assert_array_equal(first.particles, second.particles)
    np.testing.assert_allclose(
        first.log_weights,
        second.log_weights,
        rtol=0,
        atol=rounding("float64", 20.0, 20 * 30),
    )


def test_blocks_do_not_matter(monkeypatch, in_float64, exact_v):
    machine_, base, whole = in_float64
    reverse = reverse_ais(machine_, base, exact_v[:20], STREAM, 20)
    monkeypatch.setattr(module, "_CHAINS", 7)
    assert_same(ais(machine_, base, STREAM, 20, 20), whole)
    assert_same(ais(machine_, base, STREAM, 20, 7), _first(whole, 7))
    monkeypatch.setattr(module, "_STEPS", 6)
    assert_same(ais(machine_, base, STREAM, 20, 20), whole)
    assert_same(reverse_ais(machine_, base, exact_v[:20], STREAM, 20), reverse)


def _first(result, count):
    return result._replace(
        log_weights=result.log_weights[:count],
        particles=result.particles[:count],
    )


def test_a_stream_stands_for_its_draws(in_float64):
    machine_, base, result = in_float64
    again = ais(machine_, base, random.stream(7), 20, 20)
    np.testing.assert_array_equal(again.log_weights, result.log_weights)
    np.testing.assert_array_equal(again.particles, result.particles)
    other = ais(machine_, base, random.stream(8), 20, 20)
    assert (other.log_weights != result.log_weights).all()


def test_chains_and_steps_have_draws_of_their_own(in_float64):
    _, _, result = in_float64
    assert len(np.unique(result.log_weights)) == 20
    # Without coupling each sweep is a fresh draw: were the draws of two steps
    # the same, so were the particles.
    machine_ = MACHINE._replace(kernel=tf.zeros((5, 4)))
    few, more = (
        ais(machine_, BASE, STREAM, count, 20).particles for count in (4, 5)
    )
    assert (few != more).any()


def test_a_second_call_needs_no_other_trace(in_float64):
    machine_, base, _ = in_float64
    traces = module._run.experimental_get_tracing_count()
    doubled = machine_._replace(kernel=2 * machine_.kernel)
    # Another number of betas needs none either, nor another stream.
    ais(doubled, base, random.stream(1), 37, 20)
    reverse_ais(doubled, base, np.zeros((20, 5)), STREAM, 600)
    assert module._run.experimental_get_tracing_count() == traces


def test_betas_are_those_of_salakhutdinov_and_murray():
    theirs = np.concatenate(
        [
            np.linspace(0.0, 0.5, 501),
            np.linspace(0.5, 0.9, 4001)[1:],
            np.linspace(0.9, 1.0, 10_001)[1:],
        ]
    )
    np.testing.assert_allclose(
        betas(14_500), theirs, rtol=0, atol=rounding("float64", 1.0, 4)
    )


@pytest.mark.parametrize("count", [1, 2, 3, 29, 500, 10_000, 100_000])
def test_betas_are_scaled_to_their_number(count):
    values = betas(count)
    assert values.shape == (count + 1,)
    assert values[0] == 0.0
    assert values[-1] == 1.0
    assert (np.diff(values) > 0).all()
    # Also as the float32 machine sees them.
    assert (np.diff(values.astype("float32")) > 0).all()
    shares = [(values <= end).mean() for end in (0.5, 0.9)]
    expected = [500 / 14_500, 4_500 / 14_500]
    np.testing.assert_allclose(shares, expected, atol=1.5 / (count + 1))


@pytest.mark.parametrize("value", [0, -1, 2.0, "3", None, True])
def test_numbers_are_positive_integers(value):
    v = np.zeros((2, 5))
    for name, call in (
        ("num_betas", lambda: ais(MACHINE, BASE, STREAM, value)),
        ("num_chains", lambda: ais(MACHINE, BASE, STREAM, 10, value)),
        ("num_betas", lambda: reverse_ais(MACHINE, BASE, v, STREAM, value)),
        ("num_betas", lambda: betas(value)),
    ):
        with pytest.raises(ValueError, match=f"{name}={value!r}$"):
            call()


def test_log_weights_are_added_up_in_float64():
    # 1e9 and a change: of float32 nothing would be left.
    start = tf.constant([0.0, 1e9], "float64")
    v = tf.constant(np.tile(ORACLE.visible_states[9:10], (2, 1)), tf.float32)
    values = tf.constant([0.3, 0.31])
    _, log_weights = module._run(
        MACHINE, BASE, v, start, values, STREAM, tf.constant(0, "int64"), 1
    )
    change = log_weights.numpy() - start.numpy()
    assert change[0] != 0
    assert abs(change[1] - change[0]) < rounding("float64", 1e9, 2)


def test_float32_is_enough_for_ten_thousand_betas():
    """The weights of the same path in float64 are the same, nearly."""
    rng = np.random.default_rng(3)
    steps, visible, hidden = 10_000, 100, 50
    machine_ = Machine(
        Bernoulli(visible),
        Bernoulli(hidden),
        tf.constant(0.3 * rng.normal(size=(visible, hidden)), tf.float32),
        {"bias": tf.constant(rng.normal(size=visible), tf.float32)},
        {"bias": tf.constant(rng.normal(size=hidden), tf.float32)},
    )
    base = machine_lib.decouple(machine_, np.full(visible, 0.5))
    wide, wide_base = (machine_lib.cast(m, "float64") for m in (machine_, base))
    values = tf.constant(betas(steps), tf.float32)

    @compiled
    def both(v, stream):
        def step(k, state):
            v, narrow, exact = state
            pair = tf.stack([values[k], values[k + 1]])
            _, exact = module._run(
                wide,
                wide_base,
                tf.cast(v, "float64"),
                exact,
                tf.cast(pair, "float64"),
                stream,
                tf.cast(k, "int64"),
                1,
            )
            v, narrow = module._run(
                machine_, base, v, narrow, pair, stream, tf.cast(k, "int64"), 1
            )
            return v, narrow, exact

        zeros = ops.zeros((10,), "float64")
        return ops.fori_loop(0, steps, step, (v, zeros, zeros))[1:]

    v = tf.cast(rng.random((10, visible)) < 0.5, tf.float32)
    narrow, exact = (x.numpy() for x in both(v, STREAM))
    # Each step rounds 50 terms, each a difference of numbers up to 20: errors
    # of either sign, so that they grow with the root of their number.
    error = rounding("float32", 20.0) * np.sqrt(50 * steps)
    assert np.abs(narrow - exact).max() < error
    assert error < 2e-3  # Nats: the difference of two free energies has more.
    # They are two computations.
    assert (narrow != exact).all()


def test_chains_from_one_sample_count_as_one(exact_v):
    v = exact_v[:40]
    single = reverse_ais(MACHINE, BASE, np.repeat(v, 3, axis=0), STREAM, 20)
    grouped = reverse_ais(MACHINE, BASE, v, STREAM, 20, repeats=3)
    weights = np.exp(single.log_weights).reshape(40, 3).mean(axis=1)
    np.testing.assert_allclose(np.exp(grouped.log_weights), weights)
    assert grouped.log_z == pytest.approx(single.log_z, abs=1e-9)
    np.testing.assert_array_equal(grouped.particles, single.particles)
    assert 1 <= grouped.effective_sample_size <= 40
    spread = weights.std(ddof=1) / np.sqrt(40) / weights.mean()
    assert grouped.standard_error == pytest.approx(spread)


def test_a_base_must_be_one(exact_v):
    words = r"`base` must be a machine of the same units without coupling"
    with pytest.raises(ValueError, match=words):
        ais(BASE, MACHINE, STREAM, FEW)
    with pytest.raises(ValueError, match=words):
        reverse_ais(MACHINE, MACHINE, exact_v, STREAM, FEW)
    with pytest.raises(ValueError, match=words):
        ais(MACHINE, machine_lib.flip(BASE), STREAM, FEW)
    with pytest.raises(ValueError, match="`v_model` must have shape"):
        reverse_ais(MACHINE, BASE, exact_v[:, :3], STREAM, FEW)
    # Means are no samples.
    with pytest.raises(ValueError, match="`v_model`"):
        reverse_ais(MACHINE, BASE, 0.5 * exact_v, STREAM, FEW)
