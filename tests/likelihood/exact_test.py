import importlib

import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import Bernoulli, NoisyReLU
from keras_rbm import machine as machine_lib
from keras_rbm.likelihood import Exact, can_be_exact, exact
from keras_rbm.likelihood.estimate import check_samples
from tests.machines import machine, rounding
from tests.oracle import Oracle

module = importlib.import_module("keras_rbm.likelihood.exact")
# Sums of some 100 terms of numbers up to 40.
ERROR = rounding("float64", 40.0, 100)
SIZES = [(5, 4), (3, 7), (4, 4)]


class Uncountable(Bernoulli):
    """Units whose states cannot be enumerated."""

    states = None


def zeros(visible, hidden):
    """A machine without any parameter but 0."""
    return machine(Oracle(np.zeros((1, 1)), np.zeros(1), np.zeros(1)))._replace(
        visible=Bernoulli(visible),
        hidden=Bernoulli(hidden),
        kernel=tf.zeros((visible, hidden)),
        visible_params={"bias": tf.zeros((visible,))},
        hidden_params={"bias": tf.zeros((hidden,))},
    )


@pytest.mark.parametrize(("visible", "hidden"), SIZES)
def test_it_is_the_log_of_the_sum_over_states(visible, hidden):
    oracle = Oracle.draw(visible, hidden, seed=2)
    result = exact(machine(oracle, "float64"))
    assert result.log_z == pytest.approx(oracle.log_z, abs=ERROR)
    assert result.lower == result.upper == result.log_z
    assert result.standard_error == 0.0
    assert result.trusted
    assert result.warnings == ()


# 32 states: more than one call of 8 blocks, and no multiple of 3 rows.
@pytest.mark.parametrize(
    ("rows", "visible", "hidden"), [(1, 5, 8), (3, 5, 8), (3, 8, 5)]
)
def test_blocks_do_not_matter(monkeypatch, rows, visible, hidden):
    oracle = Oracle.draw(visible, hidden, seed=3)
    numbers = rows * max(visible, hidden) + 1
    monkeypatch.setattr(module, "_BLOCK_NUMBERS", numbers)
    added = []
    add_blocks = module._add_blocks

    def counted(side, log_sum, first, rows):
        added.append((int(first), rows))
        return add_blocks(side, log_sum, first, rows)

    monkeypatch.setattr(module, "_add_blocks", counted)
    result = exact(machine(oracle, "float64"))
    assert result.log_z == pytest.approx(oracle.log_z, abs=ERROR)
    total = 2 ** min(visible, hidden)
    assert added == [(i, rows) for i in range(0, total, 8 * rows)]


def test_a_state_wider_than_a_block_makes_a_block_of_its_own(monkeypatch):
    monkeypatch.setattr(module, "_BLOCK_NUMBERS", 3)
    oracle = Oracle.draw(5, 4, seed=1)
    assert exact(machine(oracle)).log_z == pytest.approx(
        oracle.log_z, abs=rounding("float32", 40.0, 100)
    )


def test_a_float32_machine_is_summed_in_float64():
    # In float32 the parameters are rounded, and nothing else is.
    machine_ = machine(Oracle.draw(6, 5, seed=4, scale=30.0))
    rounded = Oracle(
        machine_.kernel.numpy().astype("float64"),
        machine_.visible_params["bias"].numpy().astype("float64"),
        machine_.hidden_params["bias"].numpy().astype("float64"),
    )
    error = rounding("float64", 40.0 * 30.0, 100)
    assert error < rounding("float32", rounded.log_z, 0.01)
    assert exact(machine_).log_z == pytest.approx(rounded.log_z, abs=error)


def test_the_coupling_counts_with_its_strength():
    beta, oracle = 0.5, Oracle.draw(5, 4, seed=1)
    stronger = Oracle(
        beta * oracle.kernel, oracle.visible_bias, oracle.hidden_bias
    )
    machine_ = machine(oracle, "float64")
    for value in (beta, tf.constant(beta)):
        assert exact(machine_._replace(beta=value)).log_z == pytest.approx(
            stronger.log_z, abs=ERROR
        )


def test_one_unit_on_each_side_has_a_closed_form():
    oracle = Oracle(np.array([[1.5]]), np.array([-0.5]), np.array([0.25]))
    total = 1 + np.exp(-0.5) + np.exp(0.25) + np.exp(-0.5 + 0.25 + 1.5)
    assert exact(machine(oracle, "float64")).log_z == pytest.approx(
        np.log(total), abs=ERROR
    )


def test_without_coupling_there_is_a_closed_form():
    rng = np.random.default_rng(0)
    b, c = rng.normal(size=200), rng.normal(size=11)
    oracle = machine(Oracle(np.zeros((1, 1)), np.zeros(1), np.zeros(1)))
    machine_ = oracle._replace(
        visible=Bernoulli(200),
        hidden=Bernoulli(11),
        kernel=tf.zeros((200, 11), "float64"),
        visible_params={"bias": tf.constant(b)},
        hidden_params={"bias": tf.constant(c)},
    )
    expected = np.logaddexp(0, b).sum() + np.logaddexp(0, c).sum()
    assert exact(machine_).log_z == pytest.approx(
        expected, abs=rounding("float64", expected, 250)
    )
    assert float(
        machine_lib.log_partition_decoupled(machine_)
    ) == pytest.approx(expected, abs=rounding("float64", expected, 250))


def test_independent_machines_add_up():
    parts = [Oracle.draw(4, 3, seed=1), Oracle.draw(3, 5, seed=2)]
    kernel = np.zeros((7, 8))
    kernel[:4, :3], kernel[4:, 3:] = parts[0].kernel, parts[1].kernel
    both = Oracle(
        kernel,
        np.concatenate([p.visible_bias for p in parts]),
        np.concatenate([p.hidden_bias for p in parts]),
    )
    sum_ = sum(exact(machine(p, "float64")).log_z for p in parts)
    assert exact(machine(both, "float64")).log_z == pytest.approx(
        sum_, abs=2 * ERROR
    )


def test_the_limit_is_2_to_the_25():
    for sizes in ((25, 400), (400, 25), (1, 10_000)):
        assert can_be_exact(zeros(*sizes))
    machine_ = zeros(26, 27)
    assert not can_be_exact(machine_)
    with pytest.raises(
        ValueError,
        match=r"at most 2\*\*25 joint states; use AIS \(method=\"ais\"\)\. "
        r"Received: machine.visible=Bernoulli\(size=26\), "
        r"machine.hidden=Bernoulli\(size=27\)$",
    ):
        exact(machine_)


def test_visible_units_without_a_law_of_their_own_have_no_log_z():
    hidden = zeros(4, 3)._replace(hidden=NoisyReLU(3))
    assert can_be_exact(hidden)
    visible = zeros(4, 3)._replace(visible=NoisyReLU(4))
    assert not can_be_exact(visible)
    with pytest.raises(ValueError, match="visible units with a law of their"):
        exact(visible)
    for machine_, remedy in (
        (hidden, "the exact value can be had"),
        (visible, "Other visible units have a likelihood"),
    ):
        with pytest.raises(ValueError, match=remedy):
            check_samples(machine_)


def test_a_side_without_number_of_states_is_not_enumerated():
    oracle = Oracle.draw(5, 4, seed=1)
    machine_ = machine(oracle, "float64")
    half = machine_._replace(hidden=Uncountable(4))
    # The hidden side is smaller, but only the visible one can be counted.
    assert exact(half).log_z == pytest.approx(oracle.log_z, abs=ERROR)
    neither = half._replace(visible=Uncountable(5))
    assert not can_be_exact(neither)
    with pytest.raises(ValueError, match="Exact enumeration needs a side"):
        exact(neither)


def test_a_second_call_needs_no_other_trace():
    machine_ = machine(Oracle.draw(5, 4, seed=1))
    exact(machine_)
    traces = module._add_blocks.experimental_get_tracing_count()
    exact(machine_._replace(kernel=2.0 * machine_.kernel))
    assert module._add_blocks.experimental_get_tracing_count() == traces


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_diverged_machine_is_not_trusted(value):
    machine_ = machine(Oracle.draw(5, 4, seed=1))
    kernel = machine_.kernel.numpy()
    kernel[1, 2] = value
    result = exact(machine_._replace(kernel=tf.constant(kernel)))
    assert not result.trusted
    (warning,) = result.warnings
    assert "not finite" in warning
    assert warning in str(result)


def test_it_says_what_it_is():
    assert str(Exact(12.34567)) == "log Z = 12.3457 nats (exact)"
