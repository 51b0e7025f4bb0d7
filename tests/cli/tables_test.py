import inspect
import json
import re

import gin
import numpy as np
import pandas
import pytest

from keras_rbm import data, units
from keras_rbm_cli import configuration, folders, tables
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


@pytest.fixture
def parsed():
    """Reads a config as the command does; then forgets it."""

    def read(config, *bindings, **options):
        gin.clear_config()
        configuration.read(gin, config, list(bindings), **options)

    with gin.unlock_config():
        yield read
        gin.clear_config()


def test_a_table_trains_and_is_evaluated(tmp_path, frame):
    frame.to_parquet(tmp_path / "mine.parquet")
    run = tmp_path / "run"
    with eager.updates():
        done = command.call(
            *("--data", tmp_path / "mine.parquet", "--output", run),
            *("--set", "RBM.hidden=2", "--set", "run.updates=4"),
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
    known = frame["job"].notna()
    assert (filled["job"] == frame["job"])[known].all()
    np.testing.assert_array_equal(filled["on"], frame["on"])
    np.testing.assert_allclose(filled["height"], frame["height"], rtol=1e-5)
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


def test_the_reader_of_a_file(tmp_path, frame, parsed):
    frame.to_csv(tmp_path / "mine.csv", index=False)
    (tmp_path / "bits.csv").write_text("a,b\n0,1\n1,0\n")
    config = folders.find("table.gin")
    parsed(config, data=str(tmp_path / "bits.csv"))
    assert not configuration.takes_table(gin)
    assert gin.query_parameter("arrays.path") == str(tmp_path / "bits.csv")
    parsed(config, data=str(tmp_path / "mine.csv"))
    assert configuration.takes_table(gin)
    assert gin.query_parameter("table.path") == str(tmp_path / "mine.csv")
    assert gin.query_parameter("table.test_size") == 0.1
    # A config that asks for it gets a table of bits, too.
    parsed(config, "run.data = @table()", data=str(tmp_path / "bits.csv"))
    assert configuration.takes_table(gin)
    assert gin.query_parameter("table.path") == str(tmp_path / "bits.csv")
    assert gin.get_configurable("RBM")().visible == units.Bernoulli(2)


@pytest.mark.parametrize(
    ("text", "reader"),
    [
        ("0,1,1\n", "arrays"),
        ("x,y\n0,1\n", "arrays"),
        ("x,y\r\n0,1\r\n1,0", "arrays"),
        ("0.000e+00,1.000000e+00\n 1.0, 0.\n", "arrays"),
        ("x,y\n", "table"),
        ("x,y\n0,2\n", "table"),
        ("x,y\n0,10\n", "table"),
        ("x,y\n0,a\n", "table"),
        ("x,y\n0,\n", "table"),
        ("x;y\n0;1\n", "table"),
        ("0,1,2\n0,1,1\n", "arrays"),
    ],
)
def test_which_text_is_one_of_bits(tmp_path, text, reader):
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    assert folders.own_data(str(path)) == (path, reader)


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        *((f"a.{end}", "table") for end in ("tsv", "parquet", "FEATHER")),
        *((f"a.{end}", "arrays") for end in ("npy", "h5", "mat", "npz")),
        ("a", "arrays"),
    ],
)
def test_files_have_a_reader_by_their_names(tmp_path, name, reader):
    (tmp_path / name).write_bytes(b"")
    assert folders.own_data(str(tmp_path / name))[1] == reader


def test_networks_bind_their_own_data(tmp_path, parsed):
    with pytest.raises(UserError, match=r"pretrain\.data=@arrays"):
        parsed(folders.find("mnist_dbn.gin"), data=str(tmp_path))


def test_a_folder_is_one_of_pictures(tmp_path):
    assert folders.own_data(str(tmp_path)) == (tmp_path, "images")


def test_what_is_no_table_is_refused(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"junk")
    line = command.refused(
        "--data", tmp_path / "a.parquet", "--output", tmp_path / "run"
    )
    assert "must be a whole Parquet file" in line
    assert not (tmp_path / "run").exists()


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
