import dataclasses
import json
import sys

import numpy as np
import pandas
import pytest

from keras_rbm import (
    RBM,
    ClassRBM,
    DeepBoltzmannMachine,
    Gaussian,
    PersistentChain,
    likelihood,
)
from keras_rbm.data import Binary, Data, Schema, binarized, with_labels
from keras_rbm.data import table as table_of
from keras_rbm.evaluation import compare_samples, evaluate, table
from keras_rbm.evaluation.evaluate import classification
from tests import machines
from tests.oracle import Oracle

# The module: the package has a function of this name.
observed_lib = sys.modules["keras_rbm.likelihood.observed"]
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


def without_time(results):
    return {k: v for k, v in results.items() if k != "seconds"}


def test_results_are_those_of_enumeration(tmp_path):
    model = machines.rbm(ORACLE)
    results = evaluate(model, data(), tmp_path / "new", about={"config": "x"})
    assert read(tmp_path / "new") == results
    assert results["config"] == "x"
    assert results["seconds"] > 0
    assert results["log_partition"]["method"] == "exact"
    assert results["log_partition"]["trusted"] is True
    assert list(results["splits"]) == list(SPLITS)
    for name, row in results["splits"].items():
        v = getattr(data(), name)
        ours = row["log_likelihood"]
        expected = ORACLE.log_likelihood(v)
        error = expected.std(ddof=1) / len(v) ** 0.5
        assert row["examples"] == len(v)
        assert ours["lower"] == ours["upper"]
        assert ours["exact"] is True
        assert ours["trusted"] is True
        assert (ours["warnings"], ours["missing_entries"]) == ([], None)
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


def test_estimated_sums_over_missing_entries_are_not_called_exact(
    tmp_path, monkeypatch
):
    """Even where log Z is exact."""
    model = machines.rbm(ORACLE)
    model.data_mean.assign(np.full(5, 0.5))
    train = data().train.astype("float32")
    train[::2, :3] = np.nan
    train[4] = np.nan
    schema = Schema(
        {f"column {n}": Binary((0, 1)) for n in range(5)}, keeps_missing=True
    )
    holed = dataclasses.replace(data(), train=train, schema=schema)
    exact = evaluate(model, holed, tmp_path / "exact")
    monkeypatch.setattr(
        observed_lib, "exact_rows", lambda machine, v: ~np.isnan(v).any(axis=1)
    )
    monkeypatch.setattr(observed_lib, "_LEAST_SHARE", 2.0)
    sums, observed = [], likelihood.observed
    monkeypatch.setattr(
        likelihood,
        "observed",
        lambda *args, **kwargs: (
            sums.append(observed(*args, **kwargs)) or sums[-1]
        ),
    )
    found = evaluate(model, holed, tmp_path / "estimated")
    assert found["log_partition"]["method"] == "exact"
    ours = found["splits"]["train"]["log_likelihood"]
    lost = -(-len(train) // 2)
    assert ours["missing_entries"].startswith(f"{lost} of {len(train)} exam")
    assert (ours["exact"], ours["trusted"]) == (False, False)
    assert "of the chains carry the weight" in ours["warnings"][0]
    assert ours["lower"] < ours["upper"]
    other = exact["splits"]["train"]["log_likelihood"]
    assert other["exact"] is True
    # Each observed entry counts once, in whatever row it is.
    squares = np.square(train - model.predict_reconstruction(train))
    assert exact["splits"]["train"]["reconstruction_error"] == pytest.approx(
        np.nanmean(squares), abs=ERROR
    )
    # Not the reported error, which includes half of the distance.
    slack = 5 * np.sqrt(np.square(sums[0].standard_error).sum()) / len(train)
    assert ours["lower"] - slack < other["lower"] < ours["upper"] + slack
    again = evaluate(model, holed, tmp_path / "again", seed=0)
    assert again["splits"] == found["splits"]
    other_seed = evaluate(model, holed, tmp_path / "other", seed=1)
    assert other_seed["splits"]["train"] != found["splits"]["train"]
    # The other splits have no missing entries.
    assert found["splits"]["test"]["log_likelihood"]["exact"] is True
    assert f"On train, {ours['missing_entries']}." in table(found)


def test_a_variational_bound_is_called_a_bound(tmp_path):
    model = DeepBoltzmannMachine(5, 3, 2, seed=0)
    results = evaluate(model, data(["train"]), tmp_path, num_samples=0)
    ours = results["splits"]["train"]["log_likelihood"]
    assert (ours["is_bound"], ours["exact"]) == (True, False)
    assert "The numbers are variational lower bounds" in table(results)
    assert "The log-likelihood is a variational bound" in table(results)


def test_real_values_have_a_likelihood_and_a_pseudo_likelihood(tmp_path):
    x = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
    model = RBM(Gaussian(3), 4, kernel_initializer="zeros", seed=0)
    results = evaluate(model, Data("real", x), tmp_path)
    row = results["splits"]["train"]
    # Normal laws of variance 1, each by itself.
    expected = -0.5 * (np.square(x).sum(axis=1) + 3 * np.log(2 * np.pi))
    assert row["log_likelihood"]["lower"] == pytest.approx(
        expected.mean(), abs=1e-5
    )
    assert row["pseudo_log_likelihood"]["mean"] == pytest.approx(
        expected.mean(), abs=1e-5
    )


def test_splits_that_there_are_none_of_are_left_out(tmp_path):
    model = machines.rbm(ORACLE)
    results = evaluate(model, data(["train"]), tmp_path)
    assert list(results["splits"]) == ["train"]


def test_annealing_is_done_once_and_reported_in_full(tmp_path, monkeypatch):
    model = machines.rbm(ORACLE, chain=PersistentChain(6))
    model.adapt(machines.data())
    estimates = []
    log_partition = model.log_partition

    def spy(method, v, *arguments):
        estimates.append(log_partition(method, v, *arguments))
        np.testing.assert_array_equal(v, data().validation)
        return estimates[-1]

    monkeypatch.setattr(model, "log_partition", spy)
    results = evaluate(model, data(), tmp_path, **AIS)
    (bracket,) = estimates
    found = results["log_partition"]
    assert found["method"] == "ais"
    assert found["warnings"] == list(bracket.warnings)
    assert found["trusted"] == (not found["warnings"])
    assert found["summary"] == str(bracket)
    for name, estimate in (
        ("forward", bracket.forward),
        ("reverse", bracket.reverse),
        ("half_betas", bracket.half),
        ("from_data", bracket.from_data),
    ):
        assert found[name] == {
            "log_z": estimate.log_z,
            "standard_error": estimate.standard_error,
            "effective_sample_size": estimate.effective_sample_size,
            "chains": len(estimate.log_weights),
        }
    assert found["visited"] == bracket.visited
    fit = results["fit"]
    gap = fit["free_energy_gap"]
    assert (gap["value"], gap["standard_error"]) == bracket.fit.free_energy_gap
    for name in ("free_energy", "projection"):
        pair = fit[name]["distance"], fit[name]["p_value"]
        assert pair == getattr(bracket.fit, name)
    assert fit["warnings"] == list(bracket.fit.warnings)
    for name, row in results["splits"].items():
        ours = model.log_likelihood(
            getattr(data(), name), log_partition=bracket
        )
        assert row["log_likelihood"] == {
            "lower": ours.lower,
            "upper": ours.upper,
            "standard_error": ours.standard_error,
            "is_bound": False,
            "exact": False,
            "trusted": bracket.trusted,
            "warnings": [],
            "missing_entries": None,
        }
        assert ours.lower < ours.upper


def test_the_same_seed_gives_the_same_results(tmp_path):
    model = machines.rbm(ORACLE)
    first, again, other = (
        without_time(
            evaluate(*(model, grey(), tmp_path, "stochastic"), seed=seed, **AIS)
        )
        for seed in (np.int64(3), 3, 4)
    )
    assert first == again
    assert first["log_partition"] != other["log_partition"]
    error = "reconstruction_error"
    rows, others = (x["splits"]["validation"] for x in (first, other))
    assert rows[error] != others[error]


@pytest.mark.parametrize("how", ["stochastic", "threshold"])
def test_what_is_evaluated_are_binarized_examples(tmp_path, how):
    results = evaluate(machines.rbm(ORACLE), grey(), tmp_path, how, seed=5)
    assert (results["binarize"], results["seed"]) == (how, 5)
    v = binarized(grey().validation, how, 5)
    lower = results["splits"]["validation"]["log_likelihood"]["lower"]
    expected = ORACLE.log_likelihood(v).mean()
    assert lower == pytest.approx(expected, abs=ERROR)


def test_grey_values_have_no_likelihood(tmp_path):
    results = evaluate(machines.rbm(ORACLE), grey(), tmp_path)
    assert results["log_partition"] is None
    (note,) = results["notes"]
    assert "grey.validation holds values between the states" in note
    assert "evaluate.binarize" in note
    # None for the training examples either: a table of one kind of number.
    for name, row in results["splits"].items():
        v = getattr(grey(), name)
        again = ORACLE.visible_mean(ORACLE.hidden_mean(v))
        assert row["log_likelihood"] is None
        assert row["pseudo_log_likelihood"] is None
        assert row["reconstruction_error"] == pytest.approx(
            np.square(v - again).mean(), abs=ERROR
        )


def test_costly_numbers_are_of_some_examples_whatever_their_order(tmp_path):
    states = ORACLE.visible_states
    each = ORACLE.pseudo_log_likelihood(states)
    two = states[[each.argmin(), each.argmax()]].astype("float32")
    v = np.tile(two, (600, 1))
    results = evaluate(
        machines.rbm(ORACLE), Data("two", v), tmp_path, max_examples=300
    )
    row = results["splits"]["train"]
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
    results = evaluate(machines.rbm(ORACLE), data(), tmp_path, **settings)
    assert read(tmp_path) == results
    assert results["log_partition"]["standard_error"] is None
    assert results["log_partition"]["trusted"] is False
    row = results["splits"]["test"]
    assert row["log_likelihood"]["standard_error"] is None


def test_a_single_example_has_no_standard_error(tmp_path):
    model = machines.rbm(ORACLE)
    model.data_mean.assign(np.full(5, 0.25))
    one = dataclasses.replace(data(["train"]), test=data().test[:1])
    results = evaluate(model, one, tmp_path, num_samples=0)
    row = results["splits"]["test"]
    for name in ("log_likelihood", "pseudo_log_likelihood", "baseline"):
        assert row[name]["standard_error"] is None
    assert row["baseline"]["warning"] is None
    gain = f"gain of the model {row['baseline']['gain']:+.3f}, "
    assert gain in table(results)


def test_samples_are_compared_with_the_last_split(tmp_path):
    model = machines.rbm(ORACLE)
    options = {"num_samples": 60, "num_sweeps": 20}
    results = evaluate(model, data(), tmp_path, **options)
    found = results["samples"]
    assert (found["split"], found["count"]) == ("test", 60)
    samples = np.asarray(model.sample(60, 20, seed=0))
    x, train = data().test, data().train
    expected = compare_samples(x, samples, train[::2])
    assert found["measures"] == expected
    assert found["reference"] == compare_samples(x, train[1::2], train[::2])
    text = table(results)
    value = expected["adversarial_accuracy"]["value"]
    assert f"60 samples against test: adversarial accuracy {value:.3f}" in text
    assert "Training data in place of the samples: adversarial" in text
    results = evaluate(model, data(["train"]), tmp_path, **options)
    assert results["samples"]["split"] == "train"
    assert results["samples"]["reference"] is None
    assert results["samples"]["measures"]["privacy_gap"] is None


def test_without_samples_nothing_is_compared(tmp_path):
    results = evaluate(machines.rbm(ORACLE), data(), tmp_path, num_samples=0)
    assert results["samples"] is None
    assert "samples against" not in table(results)
    assert evaluate(machines.rbm(ORACLE), grey(), tmp_path)["samples"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_samples": -1}, "`num_samples` must be an integer"),
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
def test_bad_arguments_are_refused_and_nothing_is_written(
    tmp_path, change, message
):
    arguments = {"model": machines.rbm(ORACLE), "data": data()} | change
    with pytest.raises(ValueError, match=message):
        evaluate(output=tmp_path / "run", **arguments)
    assert not (tmp_path / "run").exists()


def class_rbm(**kwargs):
    model = ClassRBM(4, 3, 5, seed=0, **kwargs)
    rng = np.random.default_rng(0)
    model.kernel.assign(2 * rng.normal(size=(7, 5)))
    return model


def labelled(count=40):
    rng = np.random.default_rng(1)
    x = rng.integers(0, 2, (count, 4)).astype("float32")
    return with_labels(x, rng.integers(0, 3, count), 3)


def test_the_classification_is_that_of_the_probabilities():
    model, v = class_rbm(), labelled()
    found = classification(model, v)["classification"]
    p = model.class_probabilities(v[:, :4])
    own = np.sum(p * v[:, 4:], axis=1)
    wrong = own < p.max(axis=1)
    assert 0 < wrong.mean() < 1
    np.testing.assert_allclose(found["error"], wrong.mean())
    np.testing.assert_allclose(
        found["standard_error"], wrong.std() / np.sqrt(40)
    )
    np.testing.assert_allclose(
        found["conditional_log_likelihood"],
        np.log(own).mean(),
        rtol=1e-5,  # Logarithms of float32, up to 10.
    )


def test_examples_without_a_label_are_not_classified():
    model, v = class_rbm(), labelled()
    v[::2, 4:] = np.nan
    assert classification(model, v) == classification(model, v[1::2])
    assert classification(model, v[::2]) == {}
    one = classification(model, v[1:2])["classification"]
    assert one["standard_error"] == np.inf


def test_a_probability_of_zero_is_no_minus_infinity():
    model = class_rbm()
    model.visible_params["bias"].assign([0, 0, 0, 0, 1000, 0, 0])
    found = classification(model, labelled())["classification"]
    assert -100 < found["conditional_log_likelihood"] < -10


def test_an_evaluation_reports_the_error(tmp_path):
    model, v = class_rbm(), labelled()
    data = Data("made-up", v[:20], test=v)
    results = evaluate(model, data, str(tmp_path))
    assert results["splits"]["train"]["log_likelihood"]
    text = table(results)
    for split, x in (("train", v[:20]), ("test", v)):
        error = classification(model, x)["classification"]["error"]
        assert results["splits"][split]["classification"]["error"] == error
        assert f"Error of p(y | x) on {split}: {100 * error:.2f} %" in text


def test_without_a_generative_part_there_are_no_likelihoods(tmp_path):
    model = class_rbm(generative_weight=0)
    results = evaluate(model, Data("made-up", labelled()), str(tmp_path))
    assert results["log_partition"] is None
    assert "No likelihoods: the model has learned p(y | x)" in table(results)
    assert results["splits"]["train"]["classification"]


def test_models_without_classes_have_none():
    assert classification(RBM(4, 2), labelled()) == {}


def test_the_baseline_stands_beside_each_split(tmp_path):
    model = machines.rbm(ORACLE)
    model.data_mean.assign(np.full(5, 0.25))
    results = evaluate(model, data(), tmp_path)
    text = table(results)
    for name, row in results["splits"].items():
        ours = model.log_likelihood(getattr(data(), name))
        assert row["baseline"] == {
            "log_likelihood": ours.baseline,
            "gain": ours.gain,
            "standard_error": ours.gain_standard_error,
            "bits_per_column": ours.gain_in_bits,
            "warning": None if ours.beats_baseline else ours.warnings[-1],
        }
        assert f"Independent units on {name}: {ours.baseline:.3f} nats" in text
        assert f"gain of the model {ours.gain:+.3f} +- " in text
        warned = f"Warning, {name}: the model is no better" in text
        assert warned == (not ours.beats_baseline)


def test_a_model_that_has_seen_no_data_has_no_baseline(tmp_path):
    results = evaluate(machines.rbm(ORACLE), data(["train"]), tmp_path)
    assert results["splits"]["train"]["baseline"] is None
    assert "Independent units" not in table(results)


def test_the_worst_pair_of_a_table_with_missing_values(tmp_path):
    rng = np.random.default_rng(0)
    size = rng.normal(size=600)
    frame = pandas.DataFrame(
        {
            "size": size,
            "city": np.where(size > 0, "Rome", "Bern"),
            "price": size + 0.1 * rng.normal(size=600),
        }
    )
    frame = frame.mask(rng.random(frame.shape) < 0.1)
    mine = table_of(frame, missing="nan", test_size=100, validation_size=100)
    model = RBM(mine.visible, 2, seed=0)  # It has learned nothing.
    results = evaluate(model, mine, tmp_path, num_samples=300, num_sweeps=5)
    assert results["samples"] is None
    pair = results["worst_pair"]
    assert set(pair["columns"]) == {"size", "price"}
    assert (pair["examples"], pair["count"], pair["pairs"]) == (200, 300, 3)
    assert pair["differs"]
    assert pair["data"] > 0.9 > 0.5 > pair["samples"]
    # Each column misses a tenth of its entries.
    assert 140 < pair["rows"] < 185
    line = (
        f"is {pair['data']:.2f} in {pair['rows']} rows of the data, and "
        f"{pair['samples']:.2f} in 300 samples"
    )
    assert line in table(results)
    pair["differs"] = False
    assert line not in table(results)
    assert (
        evaluate(machines.rbm(ORACLE), data(), tmp_path, num_samples=20)[
            "worst_pair"
        ]
        is None
    )
