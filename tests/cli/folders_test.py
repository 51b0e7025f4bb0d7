"""Folders and files that the command refuses, and leaves as they are."""

import os

import pytest

from keras_rbm_cli import folders
from tests.cli import command


def test_an_output_folder_that_holds_a_run_is_left_alone(tmp_path):
    (tmp_path / "history.csv").write_text("precious")
    line = command.refused("--output", tmp_path)
    assert "holds a run already" in line
    assert os.listdir(tmp_path) == ["history.csv"]
    assert (tmp_path / "history.csv").read_text() == "precious"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--resume", "nowhere"), "no run in nowhere: there is no such folder"),
        (("--resume", "."), "holds no operative_config.gin"),
        (("--resume", ".", "--output", "there"), "no --output"),
    ],
)
def test_what_cannot_be_resumed(tmp_path, monkeypatch, arguments, complaint):
    monkeypatch.chdir(tmp_path)
    assert complaint in command.refused(*arguments)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "part", ["layer-2", "pretraining", "pretraining/layer-1"]
)
def test_a_part_of_a_network_is_resumed_with_the_whole(
    tmp_path, monkeypatch, part
):
    """With the config in its folder, the whole network would train there."""
    folder = tmp_path / "my dbn" / part
    folder.mkdir(parents=True)
    for each in (folder, *folder.parents[: part.count("/") + 1]):
        (each / "operative_config.gin").write_text("")
    line = command.refused("--resume", folder)
    assert line.endswith(f"resumed with it: --resume '{tmp_path / 'my dbn'}'")
    monkeypatch.chdir(tmp_path)
    line = command.refused("--resume", f"my dbn/{part}")
    assert line.endswith("--resume 'my dbn'")
    assert [path.name for path in folder.iterdir()] == ["operative_config.gin"]


def test_what_is_no_machine_is_not_evaluated(tmp_path):
    (tmp_path / "classifier.keras").touch()
    line = command.refused("--mode", "evaluate", "--output", tmp_path)
    assert line.endswith(f"whose errors are in {tmp_path / 'finetuning.json'}")
    (tmp_path / "layer-1").mkdir()
    line = command.refused("--mode", "figures", "--output", tmp_path)
    assert line.endswith(f"first layer: --output {tmp_path / 'layer-1'}")


def test_no_files_where_files_are_wanted(tmp_path):
    (tmp_path / "file").write_text("")
    command.refused("--config", tmp_path, "--output", tmp_path / "run")
    command.refused("--config", "a" * 5000)
    command.refused("--config", "a\0b")
    for output in ("file", "file/run", "a" * 5000):
        command.refused("--config", "digits", "--output", tmp_path / output)
    (tmp_path / "run" / "train.log").mkdir(parents=True)
    command.refused("--config", "digits", "--output", tmp_path / "run")
    for name in ("model.keras", "operative_config.gin"):
        (tmp_path / "run" / name).write_bytes(b"junk")
    (tmp_path / "run" / "evaluate.log").mkdir()
    command.refused("--mode", "evaluate", "--output", tmp_path / "run")
    if os.geteuid():
        (tmp_path / "closed").mkdir(mode=0)
        command.refused("--config", "digits", "--output", tmp_path / "closed")


def test_a_table_that_cannot_be_read_is_refused(tmp_path):
    assert "no such file or folder" in command.refused(
        "--data", tmp_path / "none.csv"
    )
    (tmp_path / "a.npz").write_text("no archive")
    line = command.refused("--data", tmp_path / "a.npz")
    assert "must be in NumPy's format" in line
    (tmp_path / "b.csv.gz").write_text("not compressed")
    line = command.refused("--data", tmp_path / "b.csv.gz")
    assert "Not a gzipped file" in line
    (tmp_path / "empty").mkdir()
    line = command.refused("--data", tmp_path / "empty")
    assert "must hold pictures" in line


@pytest.mark.parametrize("name", ["a.fasta", "A.FA.gz", "b.a2m", "c.sto"])
def test_files_of_sequences_have_a_reader_of_their_own(tmp_path, name):
    path = tmp_path / name
    path.write_text(">1\nAC\n")
    assert folders.own_data(str(path)) == (path.resolve(), "family")


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


def test_a_folder_is_one_of_pictures(tmp_path):
    assert folders.own_data(str(tmp_path)) == (tmp_path, "images")


def test_what_is_no_table_is_refused(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"junk")
    line = command.refused(
        "--data", tmp_path / "a.parquet", "--output", tmp_path / "run"
    )
    assert "must be a whole Parquet file" in line
    assert not (tmp_path / "run").exists()
