import inspect
import json
import re

import gin
import numpy as np
import pandas
import pytest

from keras_rbm import data
from keras_rbm_cli import configuration, tables
from keras_rbm_cli.errors import UserError
from tests import eager
from tests.cli import command

ROWS = 120


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    return pandas.DataFrame(
        {
            "id": np.arange(ROWS),
            "job": rng.choice(["a", "b", "c", None], ROWS),
            "smoker": rng.choice(["no", "yes", None], ROWS),
            "on": rng.integers(0, 2, ROWS),
            "height": rng.normal(170, 8, ROWS),
        }
    )


def test_a_table_trains_and_is_evaluated(tmp_path, frame):
    frame.to_parquet(tmp_path / "mine.parquet")
    run = tmp_path / "run"
    with eager.updates():
        done = command.call(
            *("--data", tmp_path / "mine.parquet", "--output", run),
            *("--set", "RBM.hidden=2", "--set", "run.updates=1"),
            *("--set", "run.log_likelihood_every=0"),
            *("--set", "quick/evaluate.max_examples=50"),
        )
    assert done.code == 0, done.errors
    for line in (
        "mine: 120 examples, 96 to train on, 12 for validation, 12 for the te",
        "id dropped an identifier: consecutive numbers",
        "job category 'a', 'b', 'c'",
        "smoker binary 'no', 'yes'",
        f"missing entries: job {frame['job'].isna().sum()}, "
        f"smoker {frame['smoker'].isna().sum()}",
        "such as --set 'table.schema={\"smoker\": @Category()}'.",
        f"Rows that the model draws: {run / 'samples.csv'}.",
        f"The table with its missing values filled in: {run / 'imputed.csv'}.",
        "Which values were filled in, with their uncertainty: "
        f"{run / 'imputed_uncertainty.csv'}.",
    ):
        assert line in re.sub(" +", " ", done.screen)
    schema = data.Schema.load(run / "schema.json")
    assert list(schema.slices) == ["job", "smoker", "on", "height"]
    samples = pandas.read_csv(run / "samples.csv")
    assert len(samples) == 1000
    assert list(samples.columns) == ["job", "smoker", "on", "height"]
    assert set(samples["on"]) == {0, 1}
    filled = pandas.read_csv(run / "imputed.csv")
    assert filled.notna().all(axis=None)
    uncertainty = pandas.read_csv(run / "imputed_uncertainty.csv")
    assert list(uncertainty.columns) == list(filled.columns)
    np.testing.assert_array_equal(
        uncertainty.notna(), frame[list(filled.columns)].isna()
    )
    assert uncertainty["job"].min() >= 1 / 3
    assert uncertainty["smoker"].between(0.5, 1).sum() == (
        frame["smoker"].isna().sum()
    )
    known = frame.notna()
    assert (
        (filled == frame[list(filled.columns)])[known]
        .fillna(True)
        .all(axis=None)
    )
    # Rows of the table: they are data of the same schema.
    assert len(data.table(run / "samples.csv", schema).train) == 1000
    results = json.loads((run / "evaluation.json").read_text())
    assert results["max_examples"] == 50
    assert (
        "quick/evaluate.max_examples = 50"
        in (run / "operative_config.gin").read_text()
    )
    row = results["splits"]["test"]
    jacobian = row["log_jacobian"]["mean"]
    assert jacobian == pytest.approx(-np.log(schema["height"].deviation))
    own = row["log_likelihood"]["lower"] + jacobian
    assert f"In the table's own units, test: {own:.3f} nats" in done.screen


def test_the_units_are_those_of_the_schema(tmp_path, frame, parsed):
    frame.to_csv(tmp_path / "mine.csv", index=False)
    schema = data.table(frame, {"job": data.Dropped()}).schema
    schema.save(tmp_path / "schema.json")
    config = tmp_path / "mine.gin"
    config.write_text(
        'include "base.gin"\nrun.data = @table()\nRBM.hidden = 3\n'
        f"table.path = {str(tmp_path / 'mine.csv')!r}\n"
        f"table.schema = {str(tmp_path / 'schema.json')!r}\n"
    )
    parsed(config)
    assert configuration.takes_table(gin)
    rbm = gin.get_configurable("RBM")()
    assert rbm.visible == schema.units
    # It is read once.
    table = gin.get_configurable("table")
    assert table() is table()
    parsed(config, "RBM.visible = 5")
    assert gin.get_configurable("RBM")().visible.width == 5
    # A kind of one column alone; the others are inferred.
    parsed(config, 'table.schema = {"on": @Category()}')
    table = gin.get_configurable("table")
    assert table() is table()
    kinds = table().schema
    assert isinstance(kinds["on"], data.Category)
    assert isinstance(kinds["height"], data.Real)
    # The schema of a run that has begun wins.
    whole = tmp_path / "whole.json"
    data.table(frame).schema.save(whole)
    parsed(config, schema=whole)
    assert gin.get_configurable("RBM")().visible.width == 9
    assert gin.query_parameter("table.schema") == str(whole)
    parsed(config, "table.validation_size = 5", schema=whole)
    for setting in (
        "schema = {}",
        "heavy_tails = 'standardize'",
        "missing='nan'",
    ):
        with pytest.raises(UserError, match=r"table.* no effect .*whole.json"):
            parsed(config, f"table.{setting}", schema=whole)


def test_the_arguments_are_those_of_the_library():
    own, theirs = (
        dict(inspect.signature(function).parameters)
        for function in (tables.table, data.table)
    )
    assert list(own)[1:] == list(theirs)[1:]
    # A run learns from the values that are there.
    assert own["missing"].default == "nan"
    for name in set(own) - {next(iter(own)), "missing"}:
        assert own[name].default == theirs[name].default
