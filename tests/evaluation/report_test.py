import os

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
        "Nats an example of mnist, binarized by one draw of each value "
        "(seed 7).",
        "Something is missing.",
        "log Z is large",
        "  not to be trusted: it",
    ]
    assert report.table({**RESULTS, "log_partition": None}) in table


@pytest.mark.parametrize(
    ("binarize", "words"),
    [("none", "taken as they are"), ("threshold", "binarized at 0.5")],
)
def test_the_table_says_what_became_of_grey_values(binarize, words):
    table = report.table({**RESULTS, "binarize": binarize})
    assert f"Nats an example of mnist, {words}." in table


def test_a_file_is_whole_or_as_it_was(tmp_path):
    path = tmp_path / "results.json"
    report.write({"a": [1], "b": {"c": float("nan")}}, str(path))
    before = path.read_text()
    assert '"c": null' in before
    with pytest.raises(TypeError):
        report.write({"a": 1, "b": object()}, str(path))
    assert path.read_text() == before
    report.write({"a": 2}, str(path))
    assert path.read_text() == '{\n  "a": 2\n}\n'
    assert os.listdir(tmp_path) == ["results.json"]


def test_models_without_classes_have_no_line():
    assert "p(y | x)" not in report.table(RESULTS)
