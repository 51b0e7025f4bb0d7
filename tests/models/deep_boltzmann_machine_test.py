"""Deep Boltzmann machines against enumeration of all three layers."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import DeepBoltzmannMachine, ExactChain, Gaussian, likelihood
from keras_rbm.data import Data, batches
from keras_rbm.evaluation import evaluate
from keras_rbm.models import deep_boltzmann_machine as mean_field
from tests import machines
from tests.oracle import all_states, log_sum_exp

WIDTHS = 4, 3, 2


class Layers:
    """p(v, h1, h2) of binary layers, by enumeration in float64."""

    def __init__(self, scale=1.0, top_scale=1.0, seed=0):
        rng = np.random.default_rng(seed)
        first, second, third = WIDTHS
        self.w1 = scale * rng.normal(size=(first, second))
        self.w2 = top_scale * scale * rng.normal(size=(second, third))
        self.b, self.c, self.d = (scale * rng.normal(size=n) for n in WIDTHS)

    def scores(self, v):
        """Minus the energies of v, with all h1 and h2: (examples, h1, h2)."""
        h1, h2 = all_states(WIDTHS[1]), all_states(WIDTHS[2])
        return (
            (v @ self.w1 @ h1.T)[:, :, None]
            + (h1 @ self.w2 @ h2.T)[None]
            + (v @ self.b)[:, None, None]
            + (h1 @ self.c)[None, :, None]
            + (h2 @ self.d)[None, None, :]
        )

    @property
    def log_z(self):
        return log_sum_exp(self.scores(all_states(WIDTHS[0])))

    def log_likelihood(self, v):
        scores = self.scores(v).reshape(len(v), -1)
        return log_sum_exp(scores, axis=1) - self.log_z

    def assign(self, model):
        """Gives a model these parameters."""
        model.kernel.assign(np.concatenate([self.w1, self.w2.T]))
        bias = np.concatenate([self.b, self.d])
        model.visible_params["bias"].assign(bias)
        model.hidden_params["bias"].assign(self.c)
        return model


def dbm(layers=None, **kwargs):
    model = DeepBoltzmannMachine(
        *WIDTHS, **{"seed": 0, "dtype": "float64", **kwargs}
    )
    return model if layers is None else layers.assign(model)


ERROR = machines.rounding("float64", 100.0, 100)

V = all_states(WIDTHS[0])


def test_log_z_is_that_of_all_three_layers():
    layers = Layers()
    log_z = dbm(layers).log_partition("exact").log_z
    assert log_z == pytest.approx(layers.log_z, abs=ERROR)


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.0])
def test_the_bound_is_below_the_likelihood(scale):
    layers = Layers(scale)
    found = dbm(layers).log_likelihood(V)
    bound = found.scores - layers.log_z
    exact = layers.log_likelihood(V)
    assert (bound < exact).all()
    assert found.lower == pytest.approx(bound.mean(), abs=ERROR)


def test_the_bound_gets_tight_as_the_layers_part():
    gaps = []
    for top_scale in (1.0, 0.3, 0.1):
        layers = Layers(top_scale=top_scale)
        bound = dbm(layers).log_likelihood(V).scores - layers.log_z
        gaps.append((layers.log_likelihood(V) - bound).mean())
    # The posterior's correlations are of the first order, and their
    # divergence from none is of the second.
    assert gaps[1] < 0.2 * gaps[0]
    assert gaps[2] < 0.2 * gaps[1]


def test_the_bound_is_exact_where_the_posterior_is_factorized():
    layers = Layers(top_scale=0.0)
    found = dbm(layers).log_likelihood(V)
    np.testing.assert_allclose(
        found.scores - layers.log_z, layers.log_likelihood(V), atol=ERROR
    )


def test_each_step_of_mean_field_raises_the_bound():
    machine = dbm(Layers(1.5)).machine()
    bounds = [
        mean_field.bound(
            machine, mean_field.completed(machine, tf.constant(V), n)
        )
        for n in (1, 2, 4, 8, 300, 301)
    ]
    for before, after in itertools.pairwise(bounds):
        assert (np.asarray(after - before) >= -ERROR).all()
    np.testing.assert_allclose(bounds[-1], bounds[-2], atol=ERROR)


def test_posterior_means_solve_the_equations_of_mean_field():
    layers = Layers()
    h1, h2 = dbm(layers, num_mean_field=300).posterior(V)

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    up = V @ layers.w1 + np.asarray(h2) @ layers.w2.T + layers.c
    np.testing.assert_allclose(h1, sigmoid(up), atol=ERROR)
    np.testing.assert_allclose(
        h2, sigmoid(np.asarray(h1) @ layers.w2 + layers.d), atol=ERROR
    )


def test_an_update_follows_the_bound():
    """The gradient of mean(bound) - log Z, by finite differences."""
    layers = Layers(0.7)
    model = dbm(layers, num_mean_field=300, chain=ExactChain(), centered=False)
    model.compile(keras.optimizers.SGD(1.0), run_eagerly=True)
    v = V[[1, 5, 5, 14]]
    names = ("w1", "w2", "b", "c", "d")

    def objective():
        layers.assign(model)
        scores = model.log_likelihood(v, method="exact").scores
        return scores.mean() - layers.log_z

    expected = {}
    for name in names:
        value = getattr(layers, name)
        slope = np.empty(value.shape)
        for place in np.ndindex(value.shape):
            ends = []
            for step in (1e-4, -2e-4):
                value[place] += step
                ends.append(objective())
            value[place] += 1e-4
            slope[place] = (ends[0] - ends[1]) / 2e-4
        expected[name] = slope
    layers.assign(model)
    model.update_step(tf.constant(v))
    first = WIDTHS[0]
    kernel = model.kernel.numpy()
    bias = model.visible_params["bias"].numpy()
    after = {
        "w1": kernel[:first],
        "w2": kernel[first:].T,
        "b": bias[:first],
        "c": model.hidden_params["bias"].numpy(),
        "d": bias[first:],
    }
    for name in names:
        np.testing.assert_allclose(
            after[name] - getattr(layers, name),
            expected[name],
            # Second order of the differences, and 30 steps of mean field.
            atol=1e-5,
        )


@pytest.fixture(scope="module")
def trained():
    model = DeepBoltzmannMachine(6, 8, 4, seed=0)
    rng = np.random.default_rng(0)
    v = (rng.random((64, 2)) < 0.5).repeat(3, axis=1).astype("float32")
    model.compile(keras.optimizers.SGD(0.1), steps_per_execution=50)
    model.fit(
        batches(v, 32),
        epochs=8,
        steps_per_epoch=100,
        verbose=0,
        validation_data=(v,),
    )
    return model, v


def test_it_learns(trained):
    model, v = trained
    # Four patterns: between independent units and the truth, ln(1/4).
    assert model.log_likelihood(v).lower > 6 * np.log(1 / 2) + 1.0
    assert set(model.history.history) == {
        f"{prefix}{name}"
        for prefix in ("", "val_")
        for name in ("loss", "reconstruction_error", "hidden_activity")
    }


def test_what_takes_and_gives_examples(trained):
    model, v = trained
    assert model(v).shape == (64, 4)
    assert model.predict(v, verbose=0).shape == (64, 4)
    assert model.free_energy(v).shape == (64,)
    assert model.predict_hidden(v).shape == (64, 8)
    h1 = model.sample_hidden(v, seed=0)
    assert h1.shape == (64, 8)
    assert set(np.unique(h1)) <= {0.0, 1.0}
    assert model.sample_visible(h1, seed=0).shape == (64, 6)
    assert model.predict_visible(h1).shape == (64, 6)
    assert model.fantasy_particles.shape == (100, 6)
    assert model.machine_particles.shape == (100, 10)
    assert model.sample(5, 3, seed=1).shape == (5, 6)
    assert model.sample(start=v, num_sweeps=3, seed=1).shape == (64, 6)
    assert model.sample(7, 3, start="chains", every=1).shape == (3, 7, 6)
    error = np.square(model.predict_reconstruction(v) - v).mean()
    assert error < 0.1


def test_held_entries_stay(trained):
    model, v = trained
    mask = np.arange(6) % 3 > 0  # One of each three is known.
    drawn = np.asarray(model.inpaint(v, mask, num_sweeps=50, seed=0))
    np.testing.assert_array_equal(drawn[:, ~mask], v[:, ~mask])
    assert (drawn == v).mean() > 0.9
    holes = np.where(mask, np.nan, v)
    again = model.inpaint(holes, num_sweeps=50, seed=0)
    np.testing.assert_array_equal(again, drawn)
    grey = 0.1 + 0.8 * v.astype("float64")
    held = model.sample(start=grey, clamp=~mask, num_sweeps=2, seed=0)
    np.testing.assert_array_equal(np.asarray(held)[:, ~mask], grey[:, ~mask])
    means = np.asarray(model.predict_missing(v, mask, 50, seed=0))
    assert np.abs(means - v).mean() < 0.2
    clean = np.asarray(model.denoise(v, 4, seed=0, verbose=0))
    assert clean.shape == v.shape
    assert np.abs(clean - v).mean() < 0.2
    again = model.denoise(v, 4, seed=0)
    np.testing.assert_array_equal(again, clean)


def test_annealing_holds_the_exact_value(trained):
    model, v = trained
    exact = model.log_partition("exact").log_z
    before = [model.data_mean.numpy()]
    found = model.log_partition("ais", v=v, num_betas=500, seed=0)
    batches = tf.data.Dataset.from_tensor_slices(v).batch(20)
    bound = model.log_likelihood(batches, log_partition=found)
    assert bound.is_bound
    assert str(bound).startswith("bound on the log-likelihood")
    assert bound.lower == model.log_likelihood(v, log_partition=found).lower
    # To measure changes nothing.
    np.testing.assert_array_equal(before[0], model.data_mean)
    error = 4 * found.standard_error
    assert found.lower - error < exact < found.upper + error


def test_it_is_evaluated(trained, tmp_path):
    model, v = trained
    figures = evaluate(
        model,
        Data("bits", v),
        tmp_path,
        method="ais",
        num_betas=50,
        num_chains=20,
        num_sweeps=5,
    )
    row = figures["splits"]["train"]
    assert row["pseudo_log_likelihood"] is None
    assert row["log_likelihood"]["lower"] < 0
    assert "bound" in " ".join(figures["notes"])


def test_save_and_load(trained, tmp_path):
    model, v = trained
    model.save(tmp_path / "dbm.keras")
    copy = keras.models.load_model(tmp_path / "dbm.keras")
    machines.assert_same_states(model, copy)
    np.testing.assert_array_equal(copy(v), model(v))
    for one in (model, copy):
        one.fit(v, epochs=1, batch_size=32, verbose=0, shuffle=False)
    machines.assert_same_states(model, copy)


def test_arguments():
    with pytest.raises(ValueError, match="`top` must be binary units"):
        DeepBoltzmannMachine(4, 3, Gaussian(2))
    with pytest.raises(ValueError, match="`num_mean_field` must be a positive"):
        DeepBoltzmannMachine(4, 3, 2, num_mean_field=0)
    with pytest.raises(ValueError, match="no exact conditional"):
        dbm().conditional(V, np.ones(4, bool))
    with pytest.raises(ValueError, match="`log_partition` must be what"):
        dbm().log_likelihood(V, log_partition=3.0)
    with pytest.raises(ValueError, match="no pseudo-likelihood"):
        dbm().pseudo_log_likelihood(V)
    with pytest.raises(ValueError, match=r"`v` must have shape \(examples, 4"):
        dbm().free_energy(np.zeros((2, 6)))
    with pytest.raises(ValueError, match=r"`x` must have shape"):
        dbm().adapt(np.zeros((2, 6)))


def test_under_a_mixed_policy_the_bound_is_that_of_the_rounded_kernel():
    model = DeepBoltzmannMachine(60, 40, 30, seed=0, dtype="mixed_bfloat16")
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    twin = DeepBoltzmannMachine(60, 40, 30, seed=0)
    twin.set_weights(model.get_weights())
    twin.kernel.assign(tf.cast(tf.cast(model.kernel, "bfloat16"), "float32"))
    v = (rng.random((20, 60)) < 0.5).astype("float32")
    log_z = likelihood.Exact(0.0)
    expected = twin.log_likelihood(v, log_partition=log_z).scores
    found = model.log_likelihood(v, log_partition=log_z).scores
    # Sums of 90 numbers. With products in bfloat16, scores are 0.1 off.
    error = machines.rounding("float32", np.abs(expected).max(), 90)
    np.testing.assert_allclose(found, expected, rtol=0, atol=error)
    energies = model.free_energy(v)
    np.testing.assert_allclose(energies, -expected, rtol=0, atol=error)
