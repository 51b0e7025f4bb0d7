import csv

import keras
import pytest

import keras_rbm
from keras_rbm import callbacks
from tests.callbacks import events
from tests.machines import data


class Watch(keras.callbacks.Callback):
    """The numbers of sweeps that the epochs are made with."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(int(self.model.chain.num_sweeps))


def fit(schedule, epochs, initial_epoch=0, others=(), chain=None):
    model = keras_rbm.RBM(5, 4, chain or keras_rbm.PersistentChain(7), seed=0)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    watch = Watch()
    history = model.fit(
        data(16),
        batch_size=16,
        epochs=epochs,
        initial_epoch=initial_epoch,
        callbacks=[callbacks.NumSweeps(schedule), *others, watch],
        verbose=0,
    )
    assert history.history["num_sweeps"] == watch.seen
    return watch.seen


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ({0: 2}, [2] * 10),
        ({0: 1, 3: 4}, [1, 1, 1, 4, 4, 4, 4, 4, 4, 4]),
        ({7: 3, 0: 2, 4: 1}, [2, 2, 2, 2, 1, 1, 1, 3, 3, 3]),
        ({0: 1, 0.5: 2, 0.8: 5}, [1, 1, 1, 1, 1, 2, 2, 2, 5, 5]),
        # Where floating-point numbers are not what they seem.
        ({0.0: 1, 0.1: 2, 0.7: 3}, [1, 2, 2, 2, 2, 2, 2, 3, 3, 3]),
        ({0: 1, 100: 5}, [1] * 10),
        (lambda epoch: 1 + epoch // 5, [1] * 5 + [2] * 5),
    ],
)
def test_schedules(schedule, expected):
    callback = callbacks.NumSweeps(schedule)
    callback.set_params({"epochs": 10})
    assert [callback.num_sweeps(epoch) for epoch in range(10)] == expected


def test_the_chain_makes_as_many_sweeps():
    assert fit({0: 1, 2: 4}, 3) == [1, 1, 4]


def test_it_goes_on_with_the_epoch_that_fit_begins_with():
    assert fit({0: 1, 3: 4}, 5, initial_epoch=2) == [1, 4, 4]
    assert fit({0: 1, 0.8: 4}, 5, initial_epoch=2) == [1, 1, 4]


def test_contrastive_divergence_has_sweeps_too():
    chain = keras_rbm.ContrastiveDivergence(3)
    assert fit({0: 1, 1: 2}, 2, chain=chain) == [1, 2]


def test_nothing_is_compiled_again():
    model = keras_rbm.RBM(5, 4, keras_rbm.PersistentChain(7), seed=0)
    model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    step, traces = model.train_step, []

    def train_step(data):
        traces.append(None)
        return step(data)

    model.train_step = train_step
    model.fit(
        data(16),
        batch_size=16,
        epochs=3,
        callbacks=[callbacks.NumSweeps({0: 1, 1: 2, 2: 5})],
        verbose=0,
    )
    once = len(traces)
    model.fit(data(16), batch_size=16, epochs=1, verbose=0)
    assert len(traces) == once
    assert int(model.chain.num_sweeps) == 5


def test_callbacks_that_follow_are_told(tmp_path):
    others = (
        callbacks.Scalars(tmp_path / "logs"),
        keras.callbacks.CSVLogger(tmp_path / "history.csv"),
    )
    fit({0: 1, 2: 4}, 3, others=others)
    sweeps = events.read(tmp_path / "logs" / "train")["3 Chains/num_sweeps"]
    assert sweeps == {1: 1, 2: 1, 3: 4}
    with open(tmp_path / "history.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["num_sweeps"] for row in rows] == ["1", "1", "4"]


@pytest.mark.parametrize(
    "schedule",
    [
        {},
        {1: 2},
        {0.5: 2},
        {0: 1, -1: 2},
        {0: 1, 1.5: 2},
        {0: 1, 1.0: 2},
        {0: 1, float("nan"): 2},
        {0: 1, 0.5: 2, 7: 3},
        {0: 1, "5": 2},
        5,
        "many",
        [(0, 1)],
        None,
    ],
)
def test_bad_schedules(schedule):
    with pytest.raises(ValueError, match=r"`schedule` must .* Received: sched"):
        callbacks.NumSweeps(schedule)


@pytest.mark.parametrize("value", [0, -1, 1.5, None, True, "1"])
def test_numbers_of_sweeps_are_positive_integers(value):
    message = r"`num_sweeps` must be a positive integer"
    with pytest.raises(ValueError, match=message):
        callbacks.NumSweeps({0: 1, 5: value})
    with pytest.raises(ValueError, match=message):
        fit(lambda epoch: value, 1)
