"""The parameters of a model: offsets of centring, and scaling."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import (
    RBM,
    Bernoulli,
    ContrastiveDivergence,
    Gaussian,
    NoisyReLU,
    RatingsRBM,
    SpectralBound,
    gradients,
)
from keras_rbm.models.parameters import check_normalizable
from tests.machines import Given, data, oracle_of, rbm, rounding
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


@pytest.mark.parametrize(
    "frozen",
    [
        {"kernel"},
        {"visible_bias"},
        {"hidden_bias"},
        {"visible_bias", "hidden_bias"},
    ],
)
def test_what_is_frozen_does_not_move_the_rest(frozen):
    """A frozen bias is centred by an offset of 0, a frozen kernel not at all.

    Steps then vanish where the gradient of what is learned does.
    """
    names = ["kernel", "visible_bias", "hidden_bias"]
    plain = rbm(ORACLE, chain=Given(), centered=False)
    slopes = step(plain, data(), 1.0)
    expected = [slopes[name] for name in names]
    model = rbm(ORACLE, chain=Given())
    model.parameters.learn_visible = "visible_bias" not in frozen
    model.kernel.trainable = "kernel" not in frozen
    model.hidden_params["bias"].trainable = "hidden_bias" not in frozen
    found = step(model, data(), 1.0)
    assert found.keys() == {*names} - frozen
    if "kernel" not in frozen:
        mu, lam = model.offsets.visible.numpy(), model.offsets.hidden.numpy()
        if "visible_bias" in frozen:
            lam = np.zeros_like(lam)
        if "hidden_bias" in frozen:
            mu = np.zeros_like(mu)
        expected = gradients.center(*expected, mu, lam)
    for name, slope in zip(names, expected, strict=True):
        if name not in frozen:
            np.testing.assert_allclose(found[name], slope, atol=5 * ERROR)


def test_a_saved_model_does_not_learn_frozen_visible_units(tmp_path):
    model = RBM(5, 4, ContrastiveDivergence(), seed=0)
    model.parameters.learn_visible = False
    step(model, data(), 1.0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert len(loaded.trainable_variables) == 2
    assert int(loaded.optimizer.iterations) == 1
    ratings = RatingsRBM(2, (1.0, 2.0), 3)
    for frozen in (False, True):
        ratings.parameters.learn_visible = not frozen
        again = keras.models.clone_model(ratings)
        assert again.parameters.learn_visible != frozen
        assert ("learn_visible" in ratings.get_config()) == frozen


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
        model = rbm(oracle, chain=ContrastiveDivergence())

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


# Parameters for which there is a law.


def check(visible, hidden, constraint, inverse_temperature=1.0):
    given = SimpleNamespace(
        visible=visible, hidden=hidden, kernel_constraint=constraint
    )
    check_normalizable(given, inverse_temperature)


class Curved(Bernoulli):
    """Units without bound, whose energy rises at least as x^2."""

    support = (-np.inf, np.inf)
    states = None

    def least_curvature(self, inverse_temperature=1.0):
        return 2.0


class Flat(Curved):
    def least_curvature(self, inverse_temperature=1.0):
        return 0.0


@pytest.mark.parametrize("other", [Bernoulli(3), Curved(3), Flat(3)])
def test_one_bounded_side_is_enough(other):
    check(Bernoulli(5), other, None)
    check(other, Bernoulli(5), None)


@pytest.mark.parametrize(
    "constraint", [None, SpectralBound(2.0), SpectralBound(5.0)]
)
def test_two_sides_without_bound_are_refused(constraint):
    with pytest.raises(
        ValueError,
        match=r"`visible` and `hidden` must not both be without bound.*"
        r"SpectralBound\(value\) with a value below 2, which .* Received: "
        r"visible=Curved\(size=5\), hidden=Curved\(size=3\)",
    ):
        RBM(Curved(5), Curved(3), kernel_constraint=constraint)


def test_units_that_nothing_holds_are_refused_with_any_kernel():
    with pytest.raises(ValueError, match="no kernel is small enough"):
        check(Curved(5), Flat(3), SpectralBound(1e-3))


def test_a_bound_on_the_kernel_makes_them_normalizable():
    model = RBM(
        Curved(5),
        Curved(3),
        kernel_constraint=SpectralBound(1.9),
        kernel_initializer="ones",  # Its norm is sqrt(15).
    )
    assert np.linalg.norm(model.kernel, 2) < 1.9


def test_curvature_that_is_scaled_too_needs_no_tighter_bound():
    pair = Gaussian(5, precision=1.0), Gaussian(3, precision=4.0)
    for inverse_temperature in (0.5, 1.0, 2.0):
        check(*pair, SpectralBound(1.9), inverse_temperature)
        with pytest.raises(ValueError, match=r"value below 2, "):
            check(*pair, SpectralBound(2.0), inverse_temperature)


def test_curvature_of_a_base_measure_is_not_scaled():
    for other, limit in ((NoisyReLU(3), 0.5), (Gaussian(3, 8.0), 2.0)):
        pair = NoisyReLU(5), other
        check(*pair, SpectralBound(0.99 * limit), 2.0)
        with pytest.raises(ValueError, match=rf"value below {limit:g}, "):
            check(*pair, SpectralBound(limit), 2.0)


def test_a_precision_starts_where_its_minimum_lets_it():
    pair = [Gaussian(n, minimum_precision=4.0) for n in (4, 3)]
    model = RBM(
        *pair,
        kernel_constraint=SpectralBound(3.9),
        kernel_initializer=keras.initializers.RandomNormal(seed=0, stddev=9.0),
    )
    assert model.log_partition().trusted  # Normalizable from the start.
