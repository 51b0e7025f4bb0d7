"""The self-test: what it finds sound, and what it says where it is not."""

import sys
import types

import pytest
import tensorflow as tf

from keras_rbm import devices
from keras_rbm_cli import configuration, screen, self_test
from tests.cli import command


@pytest.fixture(autouse=True)
def unchanged_logger():
    with screen.own_log():
        yield


@pytest.fixture
def quick(monkeypatch):
    """No checks but those that a test puts here."""
    checks = {}
    monkeypatch.setattr(self_test, "_CHECKS", checks)
    return checks


def verdicts(text):
    lines = text.splitlines()[:-1]
    return {line.split()[1]: line.split()[0] for line in lines}


def test_this_installation_is_sound(capsys, tmp_path):
    older = tmp_path / "self_test" / "tensorboard" / "train" / "events.old"
    older.parent.mkdir(parents=True)
    older.write_text("")
    assert self_test.run(str(tmp_path))
    text = capsys.readouterr().out
    assert set(verdicts(text).values()) == {"ok"}
    assert len(verdicts(text)) == 7
    assert "The installation is sound" in text
    (events,) = older.parent.iterdir()
    assert events.stat().st_size
    assert {path.name for path in (tmp_path / "self_test").iterdir()} == {
        *("filters.png", "model.keras", "self_test.log", "tensorboard"),
    }


def test_a_folder_that_cannot_be_written(quick, capsys, tmp_path):
    (tmp_path / "file").write_text("")
    quick["files"] = self_test.files, {"folder"}, "df"
    assert not self_test.run(str(tmp_path / "file"))
    text = capsys.readouterr().out
    assert verdicts(text) == {"folder": "FAILED", "files": "skipped"}
    assert "give another --output, or make it writable for user" in text
    assert "The installation is not sound: files, folder" in text


def test_no_temporary_folder(quick, monkeypatch, capsys, tmp_path):
    def fails(**_):
        raise FileNotFoundError("No usable temporary directory")

    monkeypatch.setattr(self_test.tempfile, "TemporaryDirectory", fails)
    assert self_test.run(str(tmp_path))
    capsys.readouterr()
    monkeypatch.setattr(self_test.tempfile, "gettempdir", fails)
    quick["packages"] = self_test.packages, {"temporary"}, "install"
    for output in (None, str(tmp_path)):
        assert not self_test.run(output)
        text = capsys.readouterr().out
        assert verdicts(text) == {"temporary": "FAILED", "packages": "skipped"}
        assert "No usable temporary directory: set TMPDIR to a" in text


def test_what_fails_is_reported_with_what_to_do(quick, capsys):
    def fails(state):
        raise self_test.Unsound("one and one make\nthree")

    def breaks(state):
        raise KeyError("two")

    quick["devices"] = fails, set(), "count again"
    quick["other"] = breaks, set(), "look there"
    quick["XLA"] = breaks, {"devices"}, "never shown"
    assert not self_test.run(None)
    text = capsys.readouterr().out
    assert "FAILED   devices     one and one make three: count again\n" in text
    assert "FAILED   other       KeyError: 'two': look there\n" in text
    assert "skipped  XLA         needs: devices\n" in text
    assert "never shown" not in text


def test_packages_that_are_missing(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "keras", None)
    assert not self_test.run(None)
    text = capsys.readouterr().out
    assert verdicts(text).pop("packages") == "FAILED"
    (line,) = (x for x in text.splitlines() if "FAILED   packages" in x)
    assert line.endswith(f"None in sys.modules: {configuration.INSTALL}")
    assert text.count("needs: packages\n") == 5


@pytest.mark.parametrize(
    ("cuda", "visible", "found"),
    [
        (
            False,
            None,
            '; an NVIDIA driver, but no GPU: install "keras_rbm[gpu]"',
        ),
        (True, None, self_test.Unsound),
        (True, "0", self_test.Unsound),
        (True, "MIG-1f2e", self_test.Unsound),
        (True, "", "1 CPU; CUDA_VISIBLE_DEVICES='' hides"),
        (True, "-1", "1 CPU; CUDA_VISIBLE_DEVICES='-1' hides"),
        (True, "NoDevFiles", "1 CPU; CUDA_VISIBLE_DEVICES='NoDevFiles' hides"),
    ],
)
def test_a_gpu_that_is_not_found(monkeypatch, tmp_path, cuda, visible, found):
    (cpu, *_) = tf.config.list_logical_devices("CPU")
    monkeypatch.setattr(self_test, "_logical_devices", lambda: [cpu])
    monkeypatch.setattr(devices, "_DRIVER", [tmp_path / "none", tmp_path])
    monkeypatch.setattr(tf.test, "is_built_with_cuda", lambda: cuda)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    if found is self_test.Unsound:
        with pytest.raises(found, match="built for CUDA that finds no GPU"):
            self_test.devices(None)
        assert "on the CPU: an NVIDIA driver, and a" in devices.describe()
    else:
        assert found in self_test.devices(None)
        assert found.partition("; ")[2] in devices.describe()
        monkeypatch.setattr(devices, "_DRIVER", [tmp_path / "none"])
        assert devices.describe() == "Computing on the CPU"
        assert self_test.devices(None) == "1 CPU; matrix products agree"


@pytest.mark.parametrize("sound", [True, False])
def test_the_exit_code_says_so(monkeypatch, sound):
    monkeypatch.setattr(self_test, "run", lambda output: sound)
    assert command.call("--self_test").code == (0 if sound else 1)


@pytest.mark.slow
def test_the_checks_can_fail(monkeypatch):
    state = types.SimpleNamespace(model=None)
    monkeypatch.setattr(self_test, "_UPDATES", 50)
    with pytest.raises(self_test.Unsound, match="less than 2"):
        self_test.learning(state)
    state.trained[0] = state.trained[0] + 1
    with pytest.raises(self_test.Unsound, match=r"other weights$"):
        self_test.repeatable(state)
    state.initial[0] = state.initial[0] + 1
    with pytest.raises(self_test.Unsound, match="before training"):
        self_test.repeatable(state)
