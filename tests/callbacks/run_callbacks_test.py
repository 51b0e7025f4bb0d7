"""How often a run is measured, and which rows."""

import copy

import numpy as np
import pandas
import pytest

from keras_rbm import RBM, ExactChain, PersistentChain, Tempered
from keras_rbm.callbacks import affordable, measurement_callbacks


@pytest.mark.parametrize(
    "chain",
    [
        None,
        PersistentChain(100),
        PersistentChain(100, num_sweeps=15),
        PersistentChain(20, sampler=Tempered(5)),
        ExactChain(),
    ],
)
@pytest.mark.parametrize(("steps", "epochs"), [(500, 60), (5, 1), (10**5, 400)])
def test_it_is_forty_times_where_it_can_be(chain, steps, epochs):
    model = RBM(8, 4, copy.deepcopy(chain), seed=0)
    every, betas = affordable(model, 1000, 100, steps, epochs)
    assert -(-epochs // 40) <= every <= epochs
    assert 300 <= betas <= 1000
    assert affordable(model, 1000, 100, steps, epochs) == (every, betas)


def test_long_runs_are_measured_well_and_forty_times():
    model = RBM(784, 500, PersistentChain(100), seed=0)
    assert affordable(model, 5000, 100, 10**5, 400) == (10, 1000)


def test_short_ones_are_measured_less():
    model = RBM(784, 500, PersistentChain(100), seed=0)
    every, betas = affordable(model, 5000, 100, 550, 100)
    assert 5 < every < 20
    assert betas < 1000


@pytest.mark.parametrize(
    "hidden",
    [
        lambda v, lost: np.where(lost, np.nan, v),
        lambda v, lost: np.ma.array(v, mask=lost),
        lambda v, lost: pandas.DataFrame(np.where(lost, np.nan, v)),
    ],
)
def test_a_thousand_rows_with_missing_entries_are_completed(tmp_path, hidden):
    v = np.zeros((1200, 5), "float32")
    v[1000:] = 1.0
    lost = np.arange(5) < np.arange(1200)[:, None] % 2
    model = RBM(5, 4, seed=0)
    health, ours, samples = measurement_callbacks(
        model, tmp_path, hidden(v, lost), v, 1
    )
    assert len(health.v) == len(samples.v) == 1000
    assert len(ours.v) == len(health.v_train) == 1200
    assert 100 < (health.v[:, 4] == 1.0).sum() < 200  # Drawn from all rows.
