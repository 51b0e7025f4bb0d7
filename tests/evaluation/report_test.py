import os

import numpy as np
import pytest

from keras_rbm.evaluation import report

RESULTS = {
    "data": "mnist",
    "binarize": "stochastic",
    "seed": 7,
    "splits": {
        "train": {
            "examples": 55000,
            "log_likelihood": {
                "lower": -84.5678,
                "upper": -84.25,
                "standard_error": None,
            },
            "pseudo_log_likelihood": {
                "mean": -60.125,
                "standard_error": 0.0625,
                "examples": 9167,
            },
            "reconstruction_error": 0.0123456,
        },
        "validation": {
            "examples": 5000,
            "log_likelihood": None,
            "pseudo_log_likelihood": None,
            "reconstruction_error": 0.5,
        },
    },
    "log_partition": {"summary": "log Z is large\n  not to be trusted: it"},
    "notes": ["Something is missing."],
}


def test_the_table():
    table = report.table(RESULTS)
    lines = table.splitlines()
    train, validation = (line.split() for line in lines[2:4])
    assert train == (
        "train 55000 -84.568 -84.250 - -60.125 0.062 0.01235".split()
    )
    assert validation == "validation 5000 - - - - - 0.50000".split()
    assert len({len(line) for line in lines[1:4]}) == 1
    assert max(map(len, lines)) <= 80
    assert lines[4:] == [
        "",
        "Log-likelihood: the mean log-probability of an example of mnist",
        "(log-density, with real columns), in nats (natural logarithm).",
        "Higher is better. The log-likelihood is estimated to lie between "
        '"from" and',
        '"to"; +- is the standard error.',
        "Pseudo-log-likelihood: each value predicted from all others.",
        "Reconstruction: mean squared error of a value; lower is better.",
        "Each value is binarized by one random draw (seed 7).",
        "Something is missing.",
        "Z is the constant that normalizes the probabilities. The +- of",
        "each log-likelihood includes the error of log Z.",
        "log Z is large",
        "  not to be trusted: it",
    ]


@pytest.mark.parametrize(
    ("binarize", "expected"),
    [("none", []), ("threshold", ["Values are binarized at 0.5."])],
)
def test_the_table_says_what_became_of_grey_values(binarize, expected):
    lines = report.table({**RESULTS, "binarize": binarize}).splitlines()
    assert [line for line in lines if "binarized" in line] == expected


def of_split(**changes):
    """Results of one split, with exact likelihoods unless changed."""
    row = RESULTS["splits"]["train"]
    ours = {"lower": -2.5, "upper": -2.5, "standard_error": 0.25}
    return {
        **RESULTS,
        "splits": {
            "train": {
                **row,
                "log_likelihood": {**ours, "exact": True, **changes},
                "pseudo_log_likelihood": None,
                "log_jacobian": {"mean": -1.5},
            }
        },
    }


def test_a_pseudo_likelihood_that_no_split_has_takes_no_column():
    table = report.table(of_split())
    first, second, train = (line.split() for line in table.splitlines()[:3])
    assert first == ["split", "examples", "log-likelihood", "recon-"]
    assert second == ["from", "to", "+-", "struction"]
    assert train == "train 55000 -2.500 -2.500 0.250 0.01235".split()
    assert "seudo" not in table


def test_only_an_exact_likelihood_is_called_exact():
    exact = "The log-likelihood is exact"
    assert exact in report.table(of_split())
    text = "5 of 9 examples miss too many entries"
    table = report.table(
        of_split(exact=False, missing_entries=text, warnings=["they differ"])
    )
    assert exact not in table
    assert f"On train, {text}.\n  not to be trusted: they differ\nZ is" in table


@pytest.mark.parametrize("method", ["exact", "ais"])
def test_a_bound_is_not_called_an_interval(method):
    results = of_split(is_bound=True, exact=False)
    results["log_partition"] = {"summary": "log Z", "method": method}
    table = report.table(results)
    assert max(map(len, table.splitlines())) <= 80
    assert "variational lower bound" in table
    assert "The log-likelihood is estimated" not in table
    # Only the bound is between two numbers, if log Z is an estimate.
    interval = 'lower bound is estimated to lie between\n"from"'
    assert (interval in table) == (method == "ais")
    assert "variational" not in report.table(of_split(is_bound=False))


def test_the_log_jacobian_is_explained():
    table = report.table(of_split())
    assert (
        "In the table's own units, train: -4.000 nats, -1.500 of them by "
        "scaling.\n(The model sees scaled columns" in table
    )


def test_without_likelihoods_nothing_is_said_of_them():
    results = of_split()
    results["splits"]["train"]["log_likelihood"] = None
    table = report.table({**results, "log_partition": None})
    assert "ikelihood:" not in table
    assert "own units" not in table
    assert "Reconstruction: mean squared error per value of mnist." in table


def test_a_file_is_whole_or_as_it_was(tmp_path):
    path = tmp_path / "results.json"
    report.write({"a": [1], "b": {"c": float("nan")}}, str(path))
    before = path.read_text()
    assert '"c": null' in before
    with pytest.raises(TypeError):
        report.write({"a": 1, "b": object()}, str(path))
    assert path.read_text() == before
    assert os.listdir(tmp_path) == ["results.json"]
    report.write({"a": 2}, str(path))
    assert path.read_text() == '{\n  "a": 2\n}\n'
    assert os.listdir(tmp_path) == ["results.json"]


def test_numbers_of_numpy_are_written_as_numbers(tmp_path):
    numbers = {"a": np.int64(3), "b": (np.float32("nan"), np.float32(0.5))}
    found = report.write(numbers, str(tmp_path / "results.json"))
    assert found == {"a": 3, "b": [None, 0.5]}
    assert type(found["a"]) is int


def test_models_without_classes_have_no_line():
    assert "p(y | x)" not in report.table(RESULTS)
