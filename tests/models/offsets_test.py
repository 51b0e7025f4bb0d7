import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import RBM
from tests.machines import data, oracle_of, rbm, rounding
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=1)
ERROR = rounding("float32", 3.0, 50)


def test_adapt_sets_the_offsets_to_the_means_of_the_data():
    model = rbm(ORACLE)
    model.adapt(data())
    mean = data().mean(axis=0)
    np.testing.assert_allclose(model.offsets.visible, mean, atol=ERROR)
    # With the biases as they are after `adapt`.
    np.testing.assert_allclose(
        model.offsets.hidden,
        oracle_of(model).hidden_mean(mean[None])[0],
        atol=ERROR,
    )


def step(model, v, rate, weight=None):
    """Changes of W, b and c in one update, by the learning rate."""
    model.compile(keras.optimizers.SGD(rate), run_eagerly=True)
    before = [variable.numpy() for variable in model.trainable_variables]
    model.train_on_batch(v, np.zeros(len(v)), sample_weight=weight)
    return {
        variable.name: (value - variable.numpy()) / rate
        for variable, value in zip(
            model.trainable_variables, before, strict=True
        )
    }


def test_an_update_moves_the_offsets_a_little():
    model = rbm(ORACLE)
    visible, hidden = np.linspace(0, 1, 5), np.linspace(1, 0, 4)
    model.offsets.visible.assign(visible)
    model.offsets.hidden.assign(hidden)
    step(model, data(), 0.1)
    # With the hidden means before the update.
    for offset, start, mean in (
        (model.offsets.visible, visible, data().mean(axis=0)),
        (model.offsets.hidden, hidden, ORACLE.hidden_mean(data()).mean(axis=0)),
    ):
        np.testing.assert_allclose(
            offset, 0.99 * start + 0.01 * mean, atol=ERROR
        )


def test_an_update_follows_the_centred_gradient():
    plain, centred = rbm(ORACLE, centered=False), rbm(ORACLE)
    centred.offsets.visible.assign(np.linspace(0, 1, 5))
    centred.offsets.hidden.assign(np.linspace(1, 0, 4))
    slopes, actual = step(plain, data(), 1.0), step(centred, data(), 1.0)
    mu = centred.offsets.visible.numpy().astype("float64")
    lam = centred.offsets.hidden.numpy().astype("float64")
    dw, db, dc = (
        slopes[name] for name in ("kernel", "visible_bias", "hidden_bias")
    )
    expected = dw - np.outer(db, lam) - np.outer(mu, dc)
    np.testing.assert_allclose(actual["kernel"], expected, atol=ERROR)
    np.testing.assert_allclose(
        actual["visible_bias"], db - expected @ lam, atol=ERROR
    )
    np.testing.assert_allclose(
        actual["hidden_bias"], dc - expected.T @ mu, atol=ERROR
    )
    # Which is another one.
    assert np.abs(expected - dw).max() > 10 * ERROR


def test_examples_of_weight_0_do_not_move_the_offsets():
    v = np.concatenate([data(), np.ones((48, 5), "float32")])
    alone, weighted = rbm(ORACLE), rbm(ORACLE)
    step(alone, data(), 0.1)
    step(weighted, v, 0.1, np.repeat([1.0, 0.0], 48))
    for side in ("visible", "hidden"):
        np.testing.assert_allclose(
            getattr(weighted.offsets, side),
            getattr(alone.offsets, side).numpy(),
            atol=ERROR,
        )


@pytest.mark.parametrize("frozen", ["kernel", "visible_bias", "hidden_bias"])
def test_with_one_parameter_frozen_the_others_learn_as_before(frozen):
    models = [rbm(ORACLE), rbm(ORACLE)]
    (variable,) = (v for v in models[1].trainable_variables if v.name == frozen)
    if frozen == "visible_bias":
        models[1].parameters.learn_visible = False
    variable.trainable = False
    slopes = []
    for model in models:
        model.adapt(data())
        slopes.append(step(model, data(), 1.0))
    full, rest = slopes
    assert rest.keys() == full.keys() - {frozen}
    for name, slope in rest.items():
        np.testing.assert_allclose(slope, full[name], atol=ERROR)


def test_without_centring_there_are_none():
    model = RBM(5, 4, centered=False, seed=0)
    assert model.offsets is None
    assert not any("offset" in v.path for v in model.variables)
    model.adapt(data())


def test_centred_learning_does_not_care_which_state_is_1():
    """v -> 1 - v everywhere: the update is flipped, and else the same."""
    v, samples = data(), data(48, seed=1)
    kernel, b, c = ORACLE.kernel, ORACLE.visible_bias, ORACLE.hidden_bias
    flipped = Oracle(-kernel, -b, c + kernel.sum(axis=0))
    slopes = []
    for oracle, sign in ((ORACLE, 1.0), (flipped, -1.0)):
        model = rbm(oracle)

        def side(v, sign=sign):
            return v if sign > 0 else 1.0 - v

        model.offsets.start(model.machine(), side(v.mean(axis=0)))
        x = tf.constant(side(samples))
        model.chain.advance = lambda *_, x=x: x
        slopes.append(step(model, side(v), 1.0))
    first, second = slopes
    expected = {
        "kernel": -first["kernel"],
        "visible_bias": -first["visible_bias"],
        "hidden_bias": first["hidden_bias"] + first["kernel"].sum(axis=0),
    }
    for name, value in expected.items():
        assert np.abs(value).max() > 100 * ERROR
        np.testing.assert_allclose(second[name], value, atol=ERROR)
