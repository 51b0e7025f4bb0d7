import json
import os
import resource
import zipfile

import keras
import numpy as np
import pytest

import keras_rbm
from keras_rbm import checkpoints

STATE = {"position": [1, 2, 3], "rows": [{"loss": 0.1}]}


@pytest.fixture(scope="module")
def model():
    return keras_rbm.RBM(
        12, 6, chain=keras_rbm.PersistentChain(4), name="rbm", seed=0
    )


def write(model, directory, updates, **kwargs):
    model.updates.assign(updates)
    return checkpoints.write(model, directory, updates, STATE, **kwargs)


def test_a_checkpoint_is_a_model_and_a_state(model, tmp_path):
    path = write(model, tmp_path / "new", 7)
    assert path.name == "update-0000000007.keras"
    assert checkpoints.newest(tmp_path / "new") == (path, STATE)
    loaded = keras.models.load_model(path)
    assert int(loaded.updates) == 7
    np.testing.assert_array_equal(loaded.kernel, model.kernel)


def test_where_there_is_none(tmp_path):
    assert checkpoints.newest(tmp_path) is None
    assert checkpoints.newest(tmp_path / "missing") is None


def test_the_newest_are_kept_by_their_number(model, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "writing-1.keras").write_text("of a process that was killed")
    for updates in (9, 10, 20, 1000):
        write(model, tmp_path, updates, keep=2)
    assert sorted(os.listdir(tmp_path)) == [
        "notes.txt",
        "update-0000000020.keras",
        "update-0000001000.keras",
    ]
    assert int(checkpoints.newest(tmp_path).path.stem[-4:]) == 1000


def test_what_was_just_written_is_kept(model, tmp_path):
    damaged = write(model, tmp_path, 40)
    damaged.write_bytes(damaged.read_bytes()[:-1])
    path = write(model, tmp_path, 25, keep=1)
    assert os.listdir(tmp_path) == [path.name]
    assert checkpoints.newest(tmp_path).path == path


def test_the_sums_are_those_of_sha256sum(model, tmp_path):
    path = write(model, tmp_path, 1)
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist()) - {"SHA256SUMS"}
        lines = archive.read("SHA256SUMS").decode().splitlines()
        assert json.loads(archive.read("run.json")) == STATE
    assert {line.split("  ")[1] for line in lines} == names
    assert all(len(line.split("  ")[0]) == 64 for line in lines)


def flip(content):
    # Somewhere in the weights, which are most of the file.
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        flip,
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: b"",
        lambda content: b"not an archive",
    ],
)
def test_a_damaged_one_is_passed_over(model, tmp_path, caplog, damage):
    whole = write(model, tmp_path, 1)
    path = write(model, tmp_path, 2)
    path.write_bytes(damage(path.read_bytes()))
    assert checkpoints.newest(tmp_path) == (whole, STATE)
    assert "update-0000000002.keras is damaged" in caplog.text
    whole.write_bytes(damage(whole.read_bytes()))
    with pytest.raises(ValueError, match=r"no checkpoint in .* is whole, of 2"):
        checkpoints.newest(tmp_path)


def test_a_member_that_was_replaced_is_damage(model, tmp_path, caplog):
    path = write(model, tmp_path, 1)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["run.json"] = json.dumps(STATE | {"rows": []}).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match="is whole"):
        checkpoints.newest(tmp_path)
    assert "does not fit its SHA-256 sums" in caplog.text


def test_a_full_disk_leaves_the_old_ones(model, tmp_path):
    whole = write(model, tmp_path, 1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The system refuses to let a file grow, as it does on a full disk.
    size = whole.stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, before[1]))
    try:
        with pytest.raises(OSError, match="cannot write the checkpoint") as e:
            write(model, tmp_path, 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "File too large" in str(e.value)
    assert "The newest one is update-0000000001.keras" in str(e.value)
    assert os.listdir(tmp_path) == [whole.name]
    assert checkpoints.newest(tmp_path) == (whole, STATE)


def test_a_file_where_the_folder_should_be(model, tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(OSError, match="cannot write the checkpoint"):
        write(model, tmp_path / "taken", 1)
    assert (tmp_path / "taken").read_text() == "mine"
