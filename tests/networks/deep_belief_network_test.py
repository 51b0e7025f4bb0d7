"""A stack of RBMs as a Keras model, and as a distribution."""

import functools
import itertools

import keras
import numpy as np
import pytest

from keras_rbm import (
    RBM,
    DeepBeliefNetwork,
    DeepBoltzmannMachine,
    Gaussian,
    Softmax,
    Spin,
)
from tests.machines import (
    assert_law,
    assert_means,
    assert_same_states,
    data,
    rounding,
)
from tests.oracle import all_states


def network(*widths):
    """Bernoulli layers, the law of each far from uniform."""
    rbms = []
    for number, (visible, hidden) in enumerate(itertools.pairwise(widths)):
        rbm = RBM(visible, hidden, seed=number)
        rng = np.random.default_rng(number)
        for variable in rbm.trainable_variables:
            variable.assign(rng.normal(size=variable.shape))
        rbms.append(rbm)
    return DeepBeliefNetwork(rbms)


NETWORK = network(4, 3, 3, 2)
V = data(30, 4)
ERROR = rounding("float32", 1.0, operations=20)


def conditional(rbm, h, v):
    """p(v | h) of binary units, a row for each h and a column for each v."""
    p = np.asarray(rbm.predict_visible(h.astype("float32")), "float64")[:, None]
    return np.where(v == 1, p, 1 - p).prod(axis=2)


def law(network):
    """p(v) of all states of the data, by the definition."""
    *lower, top = network.rbms
    states = all_states(top.visible.width)
    p = np.exp(-np.asarray(top.free_energy(states), "float64"))
    p = p / p.sum()
    for rbm in reversed(lower):
        v = all_states(rbm.visible.width)
        p, states = p @ conditional(rbm, states, v), v
    return p, states


def test_samples_have_the_law_of_the_network():
    p, states = law(NETWORK)
    samples = NETWORK.sample(20_000, num_sweeps=50, seed=0)
    assert_law(samples, p)
    top_alone = np.exp(-np.asarray(NETWORK.rbms[0].free_energy(states)))
    top_alone = top_alone / top_alone.sum()
    assert np.abs(p - top_alone).sum() > 0.1  # It is not the lowest RBM's.
    means = np.asarray(NETWORK.predict_sample(20_000, num_sweeps=50, seed=1))
    assert_means(means, p @ states)
    assert ((means > 0) & (means < 1)).all()


def test_of_one_layer_samples_are_the_rbms():
    single = DeepBeliefNetwork(NETWORK.rbms[:1])
    p, states = law(single)
    assert_law(single.sample(20_000, num_sweeps=50, seed=0), p)
    means = single.predict_sample(20_000, num_sweeps=50, seed=0)
    assert_means(means, p @ states)


def test_a_seed_gives_the_same_draws():
    for method, argument in (
        (NETWORK.sample_up, V),
        (NETWORK.reconstruct, V),
        (NETWORK.sample_down, data(30, 2)),
        (functools.partial(NETWORK.sample, num_sweeps=3), 30),
    ):
        first = method(argument, seed=1)
        np.testing.assert_array_equal(first, method(argument, seed=1))
        other = np.asarray(method(argument, seed=2))
        assert (np.asarray(first) != other).any()
        assert set(np.unique(first)) == {0.0, 1.0}


def test_the_way_up_and_down_is_that_of_the_layers():
    first, second, third = NETWORK.rbms
    up = third(second(first(V)))
    for found in (NETWORK(V), NETWORK.up(V), NETWORK.predict(V, verbose=0)):
        np.testing.assert_allclose(found, up, atol=ERROR)
    down = up
    for rbm in (third, second, first):
        down = rbm.predict_visible(down)
    np.testing.assert_allclose(NETWORK.down(up), down, atol=ERROR)
    np.testing.assert_allclose(
        NETWORK.predict_reconstruction(V), down, atol=ERROR
    )


def test_draws_of_layers_are_apart():
    """Of two equal layers without weights, the draws are independent."""
    rbms = [RBM(50, 50, seed=0) for _ in range(2)]
    for rbm in rbms:
        rbm.kernel.assign(0 * rbm.kernel)
    v = np.zeros((40, 50), "float32")
    lower = np.asarray(DeepBeliefNetwork(rbms[:1]).sample_up(v, seed=1))
    upper = np.asarray(DeepBeliefNetwork(rbms).sample_up(v, seed=1))
    # 2,000 pairs of fair coins, which agree in half, give or take.
    assert abs((lower == upper).mean() - 0.5) < 4 * 0.5 / np.sqrt(2000)


def test_saved_and_loaded_all_layers_are_as_they_were(tmp_path):
    rbm = RBM(4, 3, seed=1)
    rbm.compile("adam", run_eagerly=True)
    rbm.fit(V, verbose=0)
    model = DeepBeliefNetwork([rbm, RBM(3, Gaussian(2), seed=2)], name="deep")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is DeepBeliefNetwork
    assert_same_states(loaded, model)
    assert_same_states(loaded.rbms[0], rbm)
    assert loaded.rbms[1].hidden == Gaussian(2)
    np.testing.assert_array_equal(loaded(V), model(V))
    np.testing.assert_array_equal(
        loaded.sample(5, 3, seed=0), model.sample(5, 3, seed=0)
    )


def test_it_is_a_keras_model_and_a_layer():
    """Any warning, such as of a missing gradient, would be an error."""
    model = network(4, 3, 2)
    biases = [rbm.visible_params["bias"].numpy() for rbm in model.rbms]
    model.compile(
        keras.optimizers.AdamW(0.1), "sparse_categorical_crossentropy"
    )
    outer = keras.Sequential([model, keras.layers.Dense(2)])
    outer.compile(keras.optimizers.AdamW(0.1), "mse", run_eagerly=True)
    before = model.rbms[0].kernel.numpy()
    outer.fit(V, V[:, :2], verbose=0)
    assert (model.rbms[0].kernel.numpy() != before).any()
    assert len(outer.trainable_variables) == 6
    for rbm, bias in zip(model.rbms, biases, strict=True):
        np.testing.assert_array_equal(rbm.visible_params["bias"], bias)
    v = keras.Input((4,))
    assert model(v).shape == (None, 2)


@pytest.mark.parametrize(
    ("rbms", "message"),
    [
        ([], "a list of one or more RBMs"),
        (RBM(4, 3, seed=0), "a list of one or more RBMs"),
        ([RBM(4, 3, seed=0), 3], "a list of one or more RBMs"),
        ([DeepBoltzmannMachine(4, 3, 2)], "a list of one or more RBMs"),
        ([NETWORK.rbms[1]] * 2, "one stands there twice"),
        (
            [RBM(4, 3, seed=0), RBM(4, 3, seed=0)],
            r"rbms\[0\].hidden=Bernoulli\(size=3\), rbms\[1\].visible",
        ),
        ([RBM(4, Spin(3), seed=0), RBM(3, 2, seed=0)], "must fit"),
        ([RBM(4, 6, seed=0), RBM(Softmax(2, 3), 2, seed=0)], "must fit"),
    ],
)
def test_what_does_not_fit_is_refused(rbms, message):
    with pytest.raises(ValueError, match=message):
        DeepBeliefNetwork(rbms)


def test_bad_examples_are_refused():
    for method in (NETWORK, NETWORK.up, NETWORK.reconstruct):
        with pytest.raises(ValueError, match=r"`v` must have shape .*, 4\)"):
            method(np.zeros((3, 5), "float32"))
