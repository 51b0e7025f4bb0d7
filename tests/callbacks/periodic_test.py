import pytest
import tensorflow as tf

from keras_rbm.callbacks.periodic import Display
from tests.callbacks import events


class Beat(Display):
    def show(self, step):
        tf.summary.scalar("beat", 1.0)


def steps(tmp_path, every, epochs):
    callback = Beat(tmp_path, every)
    callback.on_train_begin()
    for epoch in epochs:
        callback.on_epoch_end(epoch)
    callback.on_train_end()
    return list(events.read(tmp_path / "train").get("beat", {}))


@pytest.mark.parametrize(
    ("every", "epochs", "expected"),
    [
        (1, range(3), [1, 2, 3]),
        (2, range(4), [1, 2, 4]),
        (5, range(12), [1, 5, 10, 12]),
        (5, range(6, 9), [9]),
        (5, range(1), [1]),
        (5, range(0), []),
    ],
)
def test_writes_first_every_and_last(tmp_path, every, epochs, expected):
    assert steps(tmp_path, every, epochs) == expected


def test_can_be_used_for_a_second_fit(tmp_path):
    callback = Beat(tmp_path, 2)
    for epochs in (range(3), range(3, 5)):
        callback.on_train_begin()
        for epoch in epochs:
            callback.on_epoch_end(epoch)
        callback.on_train_end()
    assert list(events.read(tmp_path / "train")["beat"]) == [1, 2, 3, 4, 5]


def test_refuses_a_period_of_nothing(tmp_path):
    with pytest.raises(ValueError, match="every=0"):
        Beat(tmp_path, 0)
