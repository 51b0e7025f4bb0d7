import importlib

import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import machine as machine_lib
from keras_rbm import random
from keras_rbm.likelihood import Bracket, Estimate, bracket
from tests.machines import exact_draws, machine
from tests.oracle import Oracle

module = importlib.import_module("keras_rbm.likelihood.bracket")
ORACLE = Oracle.draw(5, 4, seed=3)
MACHINE = machine(ORACLE)
BASE = machine_lib.decouple(MACHINE, ORACLE.moments()[1])
STREAM = random.stream(5)


def estimate(log_z=10.0, size=60.0, error=0.1):
    return Estimate(log_z, error, size, np.zeros(100), np.zeros((100, 5)))


def brackets(
    forward=10.0, reverse=10.1, half=9.95, sizes=(60.0, 60.0), gap=None
):
    return Bracket(
        estimate(forward, sizes[0]),
        estimate(reverse, sizes[1], error=0.3),
        estimate(half),
        gap,
    )


@pytest.mark.parametrize(("forward", "reverse"), [(10.0, 10.5), (10.5, 10.0)])
def test_it_lies_between_both_estimates(forward, reverse):
    result = brackets(forward, reverse)
    assert (result.lower, result.upper) == (10.0, 10.5)
    assert result.gap == 0.5
    assert result.standard_error == 0.3


GOOD = [
    brackets(),
    brackets(sizes=(50.0, 50.0)),
    brackets(reverse=11.0),
    brackets(reverse=9.1),
    brackets(forward=0.0, half=0.2, reverse=0.0),
    brackets(forward=0.0, half=-0.2, reverse=0.0),
    brackets(gap=(4.0, 0.0)),
    brackets(gap=(-4.0, 0.0)),
    brackets(gap=(6.0, 1.0)),
    # What has few chains of its own is not judged: half the betas.
    brackets()._replace(half=estimate(9.95, size=3.0)),
]


@pytest.mark.parametrize("result", GOOD)
def test_nothing_to_warn_of(result):
    assert result.warnings == ()
    assert result.trusted
    assert "not to be trusted" not in str(result)


BAD = [
    (brackets(sizes=(49.9, 60.0)), "sample size of AIS is 49.9 of 100"),
    (brackets(sizes=(60.0, 1.0)), "sample size of reverse AIS is 1.0 of 100"),
    (brackets(reverse=11.01), "AIS and reverse AIS are 1.01 nats apart"),
    (brackets(reverse=9.03), "reverse AIS is 0.97 nats below AIS: its samples"),
    (brackets(half=9.79), r"doubling the betas changed AIS by \+0.21 nats"),
    (brackets(half=10.21), "doubling the betas changed AIS by -0.21 nats"),
    (brackets(gap=(4.01, 0.0)), r"the data is \+4.01 \+- 0.00 nats from"),
    (brackets(gap=(-4.01, 0.0)), r"the data is -4.01 \+- 0.00 nats from"),
    (brackets(gap=(6.1, 1.0)), r"the data is \+6.10 \+- 1.00 nats from"),
    (brackets(sizes=(np.nan, 60.0)), "sample size of AIS is nan of 100"),
    (brackets(gap=(np.nan, 1.0)), "mean free energy of the data is"),
    (brackets(half=np.nan), "doubling the betas"),
    (brackets(reverse=np.nan), "AIS and reverse AIS are nan nats apart"),
]


@pytest.mark.parametrize(("result", "words"), BAD)
def test_each_reason_is_given_alone(result, words):
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(*result.warnings)
    assert len(result.warnings) == 1
    assert not result.trusted
    assert f"not to be trusted: {result.warnings[0]}" in str(result)


def test_several_reasons():
    result = brackets(10.0, 13.0, 8.0, (3.0, 2.0), (20.0, 1.0))
    assert len(result.warnings) == 5
    assert str(result).count("not to be trusted") == 5


def test_what_is_not_a_number_is_not_hidden():
    for result in (brackets(forward=np.nan), brackets(reverse=np.nan)):
        assert np.isnan([result.lower, result.upper, result.gap]).all()
        assert not result.trusted


def test_it_prints_both_ends_and_their_uncertainty():
    assert str(brackets()) == (
        "log Z from 10.000 to 10.100 nats\n"
        "  AIS          10.000 +- 0.100 (effective sample size 60 of 100)\n"
        "  reverse AIS  10.100 +- 0.300 (effective sample size 60 of 100)"
    )


@pytest.fixture(scope="module")
def v_model():
    rng = np.random.default_rng(0)
    return exact_draws(rng, ORACLE.p_visible, ORACLE.visible_states, 400)


def test_it_brackets_the_exact_value(v_model):
    result = bracket(
        MACHINE, BASE, v_model, STREAM, v_model, num_betas=100, num_chains=400
    )
    assert result.trusted
    for estimate_ in result[:3]:
        error = 4 * estimate_.standard_error
        assert abs(estimate_.log_z - ORACLE.log_z) < error
    energies = (
        ORACLE.free_energy(v_model),
        ORACLE.free_energy(result.forward.particles),
    )
    gap, error = result.free_energy_gap
    assert gap == pytest.approx(
        energies[0].mean() - energies[1].mean(), abs=1e-5
    )
    assert error == pytest.approx(
        np.hypot(*(e.std(ddof=1) / np.sqrt(400) for e in energies)), rel=1e-5
    )
    # Particles that weigh alike are in the law of the machine, as the data.
    assert abs(gap) < 4 * error
    # The three are different draws.
    logs = [e.log_weights for e in result[:3]]
    assert len(np.unique(np.concatenate(logs))) == 1200


def test_what_is_asked_of_the_estimates(monkeypatch, v_model):
    asked = []

    def ais(machine, base, stream, num_betas, num_chains, verbose):
        asked.append((num_betas, num_chains, verbose, stream.key.numpy()))
        return estimate()

    def reverse_ais(machine, base, v, stream, num_betas, repeats, verbose):
        asked.append((num_betas, len(v), verbose, stream.key.numpy()))
        assert repeats == 1  # There are more samples than chains.
        return estimate()

    monkeypatch.setattr(module, "ais", ais)
    monkeypatch.setattr(module, "reverse_ais", reverse_ais)
    for num_betas, half in ((101, 51), (100, 50), (1, 1)):
        asked.clear()
        result = bracket(
            MACHINE, BASE, v_model, STREAM, None, num_betas, 7, verbose=0
        )
        assert result.free_energy_gap is None
        assert [a[:3] for a in asked] == [
            (half, 7, 0),
            (num_betas, 7, 0),
            (num_betas, 400, 0),
        ]
        assert len({tuple(a[3]) for a in asked}) == 3


def test_one_example_has_no_error_of_its_own(v_model):
    gap, error = module._free_energy_gap(
        MACHINE, tf.constant(v_model[:1]), v_model
    )
    energies = ORACLE.free_energy(v_model)
    assert gap == pytest.approx(energies[0] - energies.mean(), abs=1e-5)
    assert error == pytest.approx(energies.std(ddof=1) / np.sqrt(400), rel=1e-5)


@pytest.mark.parametrize("value", [0, -3, 2.5, "3", None])
@pytest.mark.parametrize("name", ["num_betas", "num_chains"])
def test_numbers_are_positive_integers(v_model, name, value):
    with pytest.raises(ValueError, match=f"`{name}` must .*{name}={value!r}$"):
        bracket(MACHINE, BASE, v_model, STREAM, **{name: value})
