import importlib

import numpy as np
import pytest

from keras_rbm import machine as machine_lib
from keras_rbm import random
from keras_rbm.likelihood import Bracket, Estimate, Fit, bracket
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
    forward=10.0,
    reverse=10.1,
    half=9.95,
    sizes=(60.0, 60.0),
    from_data=10.05,
    visited=9.0,
    fit=None,
):
    return Bracket(
        estimate(forward, sizes[0]),
        estimate(reverse, sizes[1], error=0.3),
        estimate(half),
        None if from_data is None else estimate(from_data),
        visited,
        fit,
    )


@pytest.mark.parametrize(("forward", "reverse"), [(10.0, 10.5), (10.5, 10.0)])
def test_it_lies_between_both_estimates(forward, reverse):
    result = brackets(forward, reverse, half=forward)
    assert (result.lower, result.upper) == (10.0, 10.5)
    assert result.gap == 0.5
    assert result.standard_error == 0.3


def test_data_and_visited_states_move_its_ends():
    assert brackets(from_data=10.7).upper == 10.7
    # Data whose modes are improbable say nothing of the lower end.
    assert brackets(from_data=3.0).lower == 10.0
    assert brackets(visited=10.06).lower == 10.06
    result = brackets(visited=11.0)
    assert (result.lower, result.upper) == (11.0, 11.0)
    assert brackets(visited=None, from_data=None)[3:5] == (None, None)
    assert brackets(visited=None).lower == 10.0


def test_the_error_of_an_untrusted_bracket_is_at_least_half_its_gap():
    assert brackets(reverse=10.9).trusted
    assert brackets(reverse=10.9).standard_error == 0.3
    result = brackets(reverse=14.0)
    assert not result.trusted
    assert result.standard_error == 2.0
    assert "+-" not in str(result)
    # And at least what half of the betas would have changed.
    result = brackets(half=7.0)
    assert result.standard_error == 3.0
    assert np.isnan(brackets(half=np.nan).standard_error)


GOOD = [
    brackets(),
    brackets(sizes=(50.0, 25.0)),
    brackets(reverse=11.0),
    brackets(reverse=9.1),
    # Twice the error of a change is hypot(0.2, 0.2).
    brackets(forward=0.0, half=0.48, reverse=0.0, from_data=0.0, visited=None),
    brackets(forward=0.0, half=-0.48, reverse=0.0, from_data=0.0, visited=None),
    brackets(from_data=11.1),
    brackets(from_data=-50.0),
    brackets(visited=10.9),
    brackets(visited=None),
    # Without data the limits are half as wide.
    brackets(reverse=10.5, from_data=None),
    brackets(half=9.62, from_data=None),
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
    (brackets(sizes=(60.0, 24.9)), "size of reverse AIS is 24.9 of 100"),
    (brackets(reverse=11.01), "AIS and reverse AIS are 1.01 nats apart"),
    (brackets(reverse=9.03), "reverse AIS is 0.97 nats below AIS: its samples"),
    (brackets(half=9.51), r"doubling the betas changed AIS by \+0.49 nats"),
    (brackets(half=10.49), "doubling the betas changed AIS by -0.49 nats"),
    (brackets(from_data=11.11), "from the data is 1.01 nats above AIS"),
    (brackets(from_data=np.nan), "from the data is nan nats above AIS"),
    (
        brackets(visited=11.01),
        "of the visited states alone is 0.91 nats above AIS",
    ),
    (
        brackets(reverse=10.51, from_data=None),
        "are 0.51 nats apart, more than 0.5",
    ),
    (brackets(half=9.61, from_data=None), r"by \+0.39 nats, more than 0.1"),
    (brackets(sizes=(np.nan, 60.0)), "sample size of AIS is nan of 100"),
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
    result = brackets(10.0, 13.0, 8.0, (3.0, 2.0), 20.0, 30.0)
    assert len(result.warnings) == 6
    assert str(result).count("not to be trusted") == 6


def test_what_is_not_a_number_is_not_hidden():
    for result in (brackets(forward=np.nan), brackets(reverse=np.nan)):
        assert np.isnan([result.lower, result.upper, result.gap]).all()
        assert not result.trusted


def test_it_prints_all_values_and_their_uncertainty():
    assert str(brackets()) == (
        "log Z from 10.000 to 10.100 nats\n"
        "  AIS                    10.000 +- 0.100 (effective sample size 60 of "
        "100)\n"
        "  reverse AIS            10.100 +- 0.300 (effective sample size 60 of "
        "100)\n"
        "  reverse AIS from data  10.050 +- 0.100 (effective sample size 60 of "
        "100)\n"
        "  trusted: the estimates agree with each other"
    )
    assert "  trusted" not in str(brackets(reverse=20.0))
    assert "no data were given" in str(brackets(from_data=None))


def test_whether_the_model_fits_is_another_question():
    fit = Fit((20.0, 1.0), (0.9, 0.0), (0.1, 1.0))
    result = brackets(fit=fit)
    assert result.trusted
    assert fit.warnings[0] in str(result)
    # Particles that miss a mode are none of the model.
    assert fit.warnings[0] not in str(brackets(reverse=20.0, fit=fit))


@pytest.fixture(scope="module")
def v_model():
    rng = np.random.default_rng(0)
    return exact_draws(rng, ORACLE.p_visible, ORACLE.visible_states, 400)


def test_it_brackets_the_exact_value(v_model):
    result = bracket(
        MACHINE, BASE, v_model, STREAM, v_model, num_betas=100, num_chains=400
    )
    assert result.trusted
    for estimate_ in result[:4]:
        error = 4 * estimate_.standard_error
        assert abs(estimate_.log_z - ORACLE.log_z) < error
    # Most of the 32 visible and of the 16 hidden states were visited.
    assert ORACLE.log_z - 0.1 < result.visited <= ORACLE.log_z + 1e-6
    # Particles that weigh alike are in the law of the machine, as the data.
    assert result.fit.warnings == ()
    # The four are different draws.
    logs = [e.log_weights for e in result[:4]]
    assert len(np.unique(np.concatenate(logs))) == 1600


def test_what_is_asked_of_the_estimates(monkeypatch, v_model):
    asked = []

    def ais(machine, base, stream, num_betas, num_chains, verbose):
        asked.append((num_betas, num_chains, verbose, stream.key.numpy()))
        return estimate()

    def reverse_ais(machine, base, v, stream, num_betas, repeats, verbose):
        asked.append((num_betas, len(v), verbose, stream.key.numpy()))
        assert repeats == 1  # There are more samples than chains.
        zeros = np.zeros((len(v), 5))
        return Estimate(10.0, 0.1, 60.0, np.zeros(len(v)), zeros)

    monkeypatch.setattr(module, "ais", ais)
    monkeypatch.setattr(module, "reverse_ais", reverse_ais)
    for num_betas, half in ((101, 51), (100, 50), (1, 1)):
        asked.clear()
        result = bracket(
            MACHINE, BASE, v_model, STREAM, None, num_betas, 7, verbose=0
        )
        assert result.from_data is None
        assert result.fit is None
        assert [a[:3] for a in asked] == [
            (half, 7, 0),
            (num_betas, 7, 0),
            (num_betas, 400, 0),
        ]
        assert len({tuple(a[3]) for a in asked}) == 3


@pytest.mark.parametrize("value", [0, -3, 2.5, "3", None])
@pytest.mark.parametrize("name", ["num_betas", "num_chains"])
def test_numbers_are_positive_integers(v_model, name, value):
    with pytest.raises(ValueError, match=f"`{name}` must .*{name}={value!r}$"):
        bracket(MACHINE, BASE, v_model, STREAM, **{name: value})
