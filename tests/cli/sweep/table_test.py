import csv
import io
import json

import pytest

from keras_rbm_cli.sweep import table

FINISHED = {"status": "finished", "seconds": 12.4, "error": ""}


def evaluation(path, lower, split="validation", trusted=True):
    """An `evaluation.json` whose other splits must never be looked at."""
    of_split = {
        "log_likelihood": {
            "lower": lower,
            "upper": lower + 0.5,
            "standard_error": 0.25,
        },
        "pseudo_log_likelihood": {"mean": -7.5},
        "reconstruction_error": 0.125,
    }
    log_partition = {
        "trusted": trusted,
        "warnings": [] if trusted else ["The chains | are stuck."],
    }
    path.write_text(
        json.dumps(
            {
                "splits": {"train": of_split, "test": None, split: of_split},
                "log_partition": log_partition,
                "notes": [],
            }
        )
    )
    return path


@pytest.fixture
def rows(tmp_path):
    """A middling run, the best, one that failed, and one to come."""
    path = tmp_path / "evaluation.json"
    failed = {"status": "failed", "seconds": 3.0, "error": "no memory"}
    waiting = {"status": "waiting", "seconds": 0.0, "error": ""}
    return {
        "n=1": table.row(FINISHED, evaluation(path, -9.0)),
        "n=2": table.row(FINISHED, evaluation(path, -5.0, trusted=False)),
        "n=3": table.row(failed, tmp_path / "nowhere"),
        "n=4": table.row(waiting, tmp_path / "nowhere"),
    }


POINTS = {f"n={n}": {"n": n} for n in (1, 2, 3, 4)}


def test_the_best_comes_first_and_what_failed_last(rows):
    assert table.ordered(rows) == ["n=2", "n=1", "n=3", "n=4"]
    lines = table.markdown(["n"], POINTS, rows).splitlines()
    cells = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in lines[2:6]
    ]
    assert cells[0][:4] == ["2", "-5.000", "-4.500", "0.250"]
    assert cells[0][4] == r"no: The chains \| are stuck."
    assert cells[1][4:] == ["yes", "-7.500", "0.12500", "12"]
    assert cells[2][4] == "failed: no memory"
    assert cells[3][4] == "waiting"
    assert "of the validation data" in "\n".join(lines)


def test_the_csv_is_the_same_in_full(rows):
    text = table.comma_separated(["n"], POINTS, rows)
    found = list(csv.DictReader(io.StringIO(text)))
    assert [row["n"] for row in found] == ["2", "1", "3", "4"]
    assert found[0]["log_likelihood_upper"] == "-4.5"
    assert found[1]["seconds"] == "12.4"
    assert found[2]["trusted"] == "no memory"
    assert found[3]["log_likelihood_lower"] == ""


def test_without_validation_data_those_of_training_are_named(tmp_path):
    path = evaluation(tmp_path / "evaluation.json", -9.0, split="train")
    row = table.row(FINISHED, path)
    assert row["split"] == "train"
    assert "of the train data" in table.markdown(["n"], POINTS, {"n=1": row})
