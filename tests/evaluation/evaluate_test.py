import json

import numpy as np
import pytest

from keras_rbm import RBM, Gaussian, PersistentChain
from keras_rbm.data import Data, binarized
from keras_rbm.evaluation import evaluate
from tests import machines
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=1)
# Sums of some 30 numbers, up to 20 altogether.
ERROR = machines.rounding("float32", 20.0, 30)
SPLITS = {"train": 48, "validation": 11, "test": 7}
AIS = {"method": "ais", "num_betas": 20, "num_chains": 30, "num_sweeps": 5}


def data(names=tuple(SPLITS)):
    return Data(
        "five", **{name: machines.data(SPLITS[name], seed=3) for name in names}
    )


def grey():
    x = np.random.default_rng(0).random((40, 5)).astype("float32")
    return Data("grey", machines.data(), validation=x)


def read(folder):
    def refuse(constant):
        raise ValueError(f"{constant} is not JSON")

    text = (folder / "evaluation.json").read_text()
    return json.loads(text, parse_constant=refuse)


def without_time(figures):
    return {k: v for k, v in figures.items() if k != "seconds"}


def test_figures_are_those_of_enumeration(tmp_path):
    model = machines.rbm(ORACLE)
    figures = evaluate(model, data(), tmp_path / "new", about={"config": "x"})
    assert read(tmp_path / "new") == figures
    assert figures["config"] == "x"
    assert figures["seconds"] > 0
    assert figures["log_partition"]["method"] == "exact"
    assert figures["log_partition"]["trusted"] is True
    assert list(figures["splits"]) == list(SPLITS)
    for name, row in figures["splits"].items():
        v = getattr(data(), name)
        ours = row["log_likelihood"]
        expected = ORACLE.log_likelihood(v)
        error = expected.std(ddof=1) / len(v) ** 0.5
        assert row["examples"] == len(v)
        assert ours["lower"] == ours["upper"]
        assert ours["lower"] == pytest.approx(expected.mean(), abs=ERROR)
        assert ours["standard_error"] == pytest.approx(error, abs=ERROR)
        other = row["pseudo_log_likelihood"]
        expected = ORACLE.pseudo_log_likelihood(v)
        error = expected.std(ddof=1) / len(v) ** 0.5
        assert other["mean"] == pytest.approx(expected.mean(), abs=ERROR)
        assert other["standard_error"] == pytest.approx(error, abs=ERROR)
        again = ORACLE.visible_mean(ORACLE.hidden_mean(v))
        assert row["reconstruction_error"] == pytest.approx(
            np.square(v - again).mean(), abs=ERROR
        )


def test_real_values_have_a_likelihood_and_no_pseudo_likelihood(tmp_path):
    x = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
    model = RBM(Gaussian(3), 4, seed=0)
    figures = evaluate(model, Data("real", x), tmp_path)
    row = figures["splits"]["train"]
    assert row["pseudo_log_likelihood"] is None
    # The weights are small: nearly a normal law of variance 1.
    expected = -0.5 * (np.square(x).sum(axis=1) + 3 * np.log(2 * np.pi))
    assert row["log_likelihood"]["lower"] == pytest.approx(
        expected.mean(), abs=0.01
    )


def test_splits_that_there_are_none_of_are_left_out(tmp_path):
    model = machines.rbm(ORACLE)
    figures = evaluate(model, data(["train"]), tmp_path)
    assert list(figures["splits"]) == ["train"]


def test_annealing_is_done_once_and_told_in_full(tmp_path, monkeypatch):
    model = machines.rbm(ORACLE, chain=PersistentChain(6))
    model.adapt(machines.data())
    estimates = []
    log_partition = model.log_partition

    def spy(method, v, *arguments):
        estimates.append(log_partition(method, v, *arguments))
        np.testing.assert_array_equal(v, data().validation)
        return estimates[-1]

    monkeypatch.setattr(model, "log_partition", spy)
    figures = evaluate(model, data(), tmp_path, **AIS)
    (bracket,) = estimates
    told = figures["log_partition"]
    assert told["method"] == "ais"
    assert told["warnings"] == list(bracket.warnings)
    assert told["trusted"] == (not told["warnings"])
    assert told["summary"] == str(bracket)
    for name, estimate in (
        ("forward", bracket.forward),
        ("reverse", bracket.reverse),
        ("half_betas", bracket.half),
    ):
        assert told[name] == {
            "log_z": estimate.log_z,
            "standard_error": estimate.standard_error,
            "effective_sample_size": estimate.effective_sample_size,
            # Chains of the reverse count by the particles they start from.
            "chains": 6 if name == "reverse" else 30,
        }
    gap = told["free_energy_gap"]
    assert (gap["value"], gap["standard_error"]) == bracket.free_energy_gap
    for name, row in figures["splits"].items():
        ours = model.log_likelihood(
            getattr(data(), name), log_partition=bracket
        )
        assert row["log_likelihood"] == {
            "lower": ours.lower,
            "upper": ours.upper,
            "standard_error": ours.standard_error,
        }
        assert ours.lower < ours.upper


def test_the_same_seed_gives_the_same_figures(tmp_path):
    model = machines.rbm(ORACLE)
    first, again, other = (
        without_time(
            evaluate(*(model, grey(), tmp_path, "stochastic"), seed=seed, **AIS)
        )
        for seed in (3, 3, 4)
    )
    assert first == again
    assert first["log_partition"] != other["log_partition"]
    error = "reconstruction_error"
    rows, others = (x["splits"]["validation"] for x in (first, other))
    assert rows[error] != others[error]


@pytest.mark.parametrize("how", ["stochastic", "threshold"])
def test_what_is_evaluated_are_binarized_examples(tmp_path, how):
    figures = evaluate(machines.rbm(ORACLE), grey(), tmp_path, how, seed=5)
    assert (figures["binarize"], figures["seed"]) == (how, 5)
    v = binarized(grey().validation, how, 5)
    lower = figures["splits"]["validation"]["log_likelihood"]["lower"]
    expected = ORACLE.log_likelihood(v).mean()
    assert lower == pytest.approx(expected, abs=ERROR)


def test_grey_values_have_no_likelihood(tmp_path):
    figures = evaluate(machines.rbm(ORACLE), grey(), tmp_path)
    assert figures["log_partition"] is None
    (note,) = figures["notes"]
    assert "grey.validation holds values between the states" in note
    assert "evaluate.binarize" in note
    # None for the training examples either: a table of one kind of figure.
    for name, row in figures["splits"].items():
        v = getattr(grey(), name)
        again = ORACLE.visible_mean(ORACLE.hidden_mean(v))
        assert row["log_likelihood"] is None
        assert row["pseudo_log_likelihood"] is None
        assert row["reconstruction_error"] == pytest.approx(
            np.square(v - again).mean(), abs=ERROR
        )


def test_costly_figures_are_of_some_examples_whatever_their_order(tmp_path):
    states = ORACLE.visible_states
    each = ORACLE.pseudo_log_likelihood(states)
    two = states[[each.argmin(), each.argmax()]].astype("float32")
    v = np.tile(two, (600, 1))
    figures = evaluate(
        machines.rbm(ORACLE), Data("two", v), tmp_path, max_examples=300
    )
    row = figures["splits"]["train"]
    assert row["examples"] == len(v)
    expected = ORACLE.log_likelihood(v).mean()
    assert row["log_likelihood"]["lower"] == pytest.approx(expected, abs=ERROR)
    some = row["pseudo_log_likelihood"]
    assert some["examples"] == 300
    # 300 draws of two values: every fourth example would be one of them.
    distance = abs(some["mean"] - (each.min() + each.max()) / 2)
    error = (each.max() - each.min()) / 2 / 300**0.5
    assert ERROR < error
    assert distance < 4 * error


def test_what_is_not_finite_is_null(tmp_path):
    settings = {**AIS, "num_chains": 1}
    figures = evaluate(machines.rbm(ORACLE), data(), tmp_path, **settings)
    assert read(tmp_path) == figures
    assert figures["log_partition"]["standard_error"] is None
    assert figures["log_partition"]["trusted"] is False
    row = figures["splits"]["test"]
    assert row["log_likelihood"]["standard_error"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": 3}, "`model` must be a machine"),
        ({"data": 3}, "`data` must be what a reader"),
        (
            {"data": Data("wide", np.zeros((3, 6), "float32"))},
            "data.width=6 .wide., model.visible.width=5",
        ),
        (
            {"data": Data("big", 2 * machines.data())},
            "`big.train` must hold finite values from 0 to 1",
        ),
        ({"binarize": "often"}, "`binarize` must be one of"),
        ({"seed": -1}, "`seed` must be an integer"),
        ({"method": "guess"}, "`method` must be"),
        ({"max_examples": 0}, "`max_examples` must be a positive"),
        ({**AIS, "num_chains": 0}, "`num_chains` must be a positive"),
    ],
)
def test_bad_arguments_are_told_and_nothing_is_written(
    tmp_path, change, message
):
    arguments = {"model": machines.rbm(ORACLE), "data": data()} | change
    with pytest.raises(ValueError, match=message):
        evaluate(output=tmp_path / "run", **arguments)
    assert not (tmp_path / "run").exists()
