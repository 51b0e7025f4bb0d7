"""The tables of made-up runs."""

import csv
import io
import json

import pytest

from keras_rbm_cli import sweep_table

FINISHED = {"status": "finished", "seconds": 12.4, "error": ""}


def evaluation(folder, lower, split="validation", trusted=True):
    """Writes an `evaluation.json` whose other splits nobody may look at."""
    folder.mkdir(exist_ok=True)
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
    (folder / "evaluation.json").write_text(
        json.dumps(
            {
                "splits": {"train": of_split, "test": None, split: of_split},
                "log_partition": log_partition,
                "notes": [],
            }
        )
    )
    return folder


@pytest.fixture
def rows(tmp_path):
    """A middling run, the best, one that failed, and one to come."""
    failed = {"status": "failed", "seconds": 3.0, "error": "no memory"}
    waiting = {"status": "waiting", "seconds": 0.0, "error": ""}
    return [
        sweep_table.row(folder, {"n": n}, entry)
        for n, (folder, entry) in enumerate(
            (
                (evaluation(tmp_path / "a", -9.0), FINISHED),
                (evaluation(tmp_path / "b", -5.0, trusted=False), FINISHED),
                (tmp_path / "c", failed),
                (tmp_path / "d", waiting),
            ),
            1,
        )
    ]


def test_the_best_comes_first_and_what_failed_last(rows):
    ordered = sweep_table.ordered(rows)
    assert [row["point"]["n"] for row in ordered] == [2, 1, 3, 4]
    lines = sweep_table.markdown(rows).splitlines()
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
    text = sweep_table.comma_separated(rows)
    found = list(csv.DictReader(io.StringIO(text)))
    assert [row["n"] for row in found] == ["2", "1", "3", "4"]
    assert [row["folder"] for row in found] == ["b", "a", "c", "d"]
    assert found[0]["log_likelihood_upper"] == "-4.5"
    assert found[1]["seconds"] == "12.4"
    assert found[2]["trusted"] == "no memory"
    assert found[3]["log_likelihood_lower"] == ""


def test_without_validation_data_those_of_training_are_named(tmp_path):
    folder = evaluation(tmp_path, -9.0, split="train")
    row = sweep_table.row(folder, {"n": 1}, FINISHED)
    assert row["split"] == "train"
    assert "of the train data" in sweep_table.markdown([row])


def test_names_in_tensorboard_are_short_where_they_stay_different():
    axes = {"RBM.hidden": [1], "SGD.use_ema": [True]}
    short = {"RBM.hidden": "hidden", "SGD.use_ema": "use_ema"}
    assert sweep_table.short_names(axes) == short
    same = {"RBM.seed": [1], "run.seed": [2]}
    assert sweep_table.short_names(same) == {name: name for name in same}


def test_sums_over_missing_entries_can_lack_trust(tmp_path):
    folder = evaluation(tmp_path, -9.0)
    path = folder / "evaluation.json"
    found = json.loads(path.read_text())
    found["splits"]["validation"]["log_likelihood"] |= {
        "trusted": False,
        "warnings": ["Two estimates differ."],
    }
    path.write_text(json.dumps(found))
    row = sweep_table.row(folder, {"n": 1}, FINISHED)
    assert row["trusted"] == "no: Two estimates differ."
    found["log_partition"] = {"trusted": False, "warnings": ["It is stuck."]}
    path.write_text(json.dumps(found))
    row = sweep_table.row(folder, {"n": 1}, FINISHED)
    assert row["trusted"] == "no: It is stuck. Two estimates differ."
