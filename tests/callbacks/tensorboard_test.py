import shutil

import tensorflow as tf

from keras_rbm import callbacks
from keras_rbm.callbacks import tensorboard
from tests.callbacks import events


def test_holders_share_one_file(tmp_path, monkeypatch):
    first = tensorboard.writer(tmp_path)
    monkeypatch.chdir(tmp_path)
    second = tensorboard.writer(".")
    assert second is first
    for step, writer in enumerate((first, second)):
        with writer.as_default(step=step):
            tf.summary.scalar("x", step)
    second.flush()
    assert len(events.files(tmp_path / "train")) == 1
    assert list(events.read(tmp_path / "train")["x"]) == [0, 1]


def test_runs_have_a_file_each(tmp_path):
    train = tensorboard.writer(tmp_path)
    validation = tensorboard.writer(tmp_path, "validation")
    assert train is not validation
    assert len(events.files(tmp_path / "train")) == 1
    assert len(events.files(tmp_path / "validation")) == 1


def test_a_writer_let_go_has_written_all_and_is_replaced(tmp_path):
    for step in (1, 2):
        writer = tensorboard.writer(tmp_path)
        with writer.as_default(step=step):
            tf.summary.scalar("x", step)
        del writer
        assert list(events.read(tmp_path / "train")["x"])[-1] == step
    assert len(events.files(tmp_path / "train")) == 2


def test_a_removed_directory_is_made_anew(tmp_path):
    lost = tensorboard.writer(tmp_path)
    shutil.rmtree(tmp_path / "train")
    writer = tensorboard.writer(tmp_path)
    assert writer is not lost
    with writer.as_default(step=1):
        tf.summary.scalar("x", 1.0)
    writer.flush()
    assert list(events.read(tmp_path / "train")) == ["x"]


def test_config_text_is_a_block_of_code(tmp_path):
    text = "# RBM\n\nhidden = 500\n```\n"
    callbacks.config_text(tmp_path, text)
    (value,) = events.read(tmp_path / "train")["config"][0].ravel()
    assert value.decode() == "    # RBM\n    \n    hidden = 500\n    ```\n"
