import json
import os

import numpy as np
import pytest

import keras_rbm
from keras_rbm import data, figures
from keras_rbm.figures.restoration import flipped

# Two patterns, so far apart that three flips are nothing.
PATTERNS = np.stack([np.arange(16) < 8, np.arange(16) >= 8]).astype("float32")
DATA = data.Data("two", PATTERNS, image_shape=(4, 4))
SPINS = 2 * PATTERNS[0] - 1


def model(strength):
    """A machine whose ground states are the two patterns, if it is strong."""
    model = keras_rbm.RBM(16, 2, seed=0)
    # A hidden unit for each pattern, on where most of its sites are.
    model.kernel.assign(strength * np.stack([SPINS, -SPINS], axis=1))
    return model


def share(model, tmp_path, data=DATA, **options):
    figure = figures.Restoration(num_patterns=2, num_trials=200, **options)
    figures.draw(model, data, str(tmp_path), [figure])
    found = json.loads((tmp_path / "restoration.json").read_text())
    assert found["num_trials"] == 200
    assert len(found["restored"]) == 4
    return found["restored"]


def test_a_perfect_model_restores_all(tmp_path):
    # A site is wrong with probability sigmoid(-16) at each draw.
    found = share(model(16.0), tmp_path, num_sweeps=np.int64(10))
    assert found == dict.fromkeys(found, 1.0)


def test_a_useless_model_restores_nothing(tmp_path):
    # A draw is right by chance once in 2**16; the mean is 0.5 in all sites,
    # which is rounded to the same state.
    found = share(model(0.0), tmp_path, num_sweeps=10)
    assert found == dict.fromkeys(found, 0.0)


def test_the_colder_chain_flickers_less(tmp_path):
    found = share(model(2.0), tmp_path, num_sweeps=10)
    assert 0 < found["sample"] < found["cold_sample"]


def test_spins_are_restored_too(tmp_path):
    rbm = keras_rbm.RBM(keras_rbm.Spin(16), keras_rbm.Spin(1), seed=0)
    rbm.kernel.assign(8 * SPINS[:, None])
    spins = data.Data("spins", 2 * PATTERNS - 1, image_shape=(4, 4))
    found = share(rbm, tmp_path, spins, num_sweeps=10)
    assert found == dict.fromkeys(found, 1.0)


@pytest.mark.parametrize("states", [(0, 1), (-1, 1)])
def test_so_many_different_sites_are_flipped(states):
    rng = np.random.default_rng(0)
    v = rng.choice(states, (50, 9)).astype("float32")
    once = flipped(v, 3, states, rng)
    assert set(np.unique(once)) == set(states)
    np.testing.assert_array_equal((once != v).sum(axis=1), 3)
    # Each site has its turn.
    assert (once != v).any(axis=0).all()


def test_grey_values_cannot_be_restored(tmp_path):
    rbm = model(1.0)
    figure = figures.Restoration(2, num_sweeps=10, num_trials=200)
    grey = data.Data("grey", np.full((9, 16), 0.5, "float32"))
    with pytest.raises(ValueError, match=r"data\.train"):
        figures.draw(rbm, grey, str(tmp_path), [figure])
    figures.draw(rbm, grey, str(tmp_path), [figure], "stochastic")
    found = json.loads((tmp_path / "restoration.json").read_text())
    assert found["num_flips"] == 3


def test_what_cannot_be_restored_is_refused_before_anything_is_drawn(tmp_path):
    def refused(message, model, **options):
        figure = figures.Restoration(**options)
        with pytest.raises(ValueError, match=message):
            figures.draw(model, DATA, str(tmp_path / "run"), [figure])

    refused("`num_flips` must not exceed", model(1.0), num_flips=17)
    gaussian = keras_rbm.RBM(keras_rbm.Gaussian(16), 6)
    refused("units of two states", gaussian)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_flips": 0}, "`num_flips` must be"),
        ({"num_sweeps": 5}, "`num_sweeps` must be even"),
        ({"cold": 0}, "`cold` must be positive"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        figures.Restoration(**options)
