"""The halves of a deep Boltzmann machine, and how they are joined."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from keras_rbm import (
    RBM,
    Chain,
    ContrastiveDivergence,
    DeepBeliefNetwork,
    DeepBoltzmannMachine,
    Gaussian,
    PersistentChain,
    data,
    networks,
)
from keras_rbm import machine as machine_lib
from keras_rbm.models import examples
from keras_rbm.networks import dbm_pretraining
from tests.machines import rounding
from tests.oracle import all_states

ERROR = rounding("float64", 10.0, 10)


def dbm(features=4, chain=None, **kwargs):
    return DeepBoltzmannMachine(
        features, 3, 2, chain, **{"seed": 0, "dtype": "float64", **kwargs}
    )


def random_halves(model, seed=0):
    """Halves with random parameters, offsets and chains."""
    network = networks.split_dbm(model)
    rng = np.random.default_rng(seed)
    for rbm in network.rbms:
        for variable in rbm.weights:
            if "float" in variable.dtype:
                variable.assign(rng.normal(size=variable.shape))
    return network


@pytest.fixture(scope="module")
def joined():
    model = dbm(chain=PersistentChain(5))
    network = random_halves(model)
    networks.join_dbm(network, model)
    return model, network


def test_the_middle_layer_has_the_mean_of_the_inputs_in_the_halves(joined):
    model, network = joined
    lower, upper = network.rbms
    v, h2 = all_states(4), all_states(2)[:, None]
    from_below = special.logit(lower.predict_hidden(2 * v))
    from_above = [special.logit(upper.predict_visible(2 * x)) for x in h2]
    machine = model.machine()
    for x, own in zip(h2, from_above, strict=True):
        rows = np.concatenate([v, np.tile(x, (len(v), 1))], axis=1)
        inputs = rows @ machine.kernel + machine.hidden_params["bias"]
        np.testing.assert_allclose(inputs, (from_below + own) / 2, atol=ERROR)


def test_the_outer_layers_are_a_copy_of_those_of_the_halves(joined):
    model, network = joined
    lower, upper = network.rbms
    h1 = all_states(3)
    np.testing.assert_allclose(
        model.predict_visible(h1), lower.predict_visible(h1) / 2, atol=ERROR
    )
    means = machine_lib.visible_mean(model.machine(), h1.astype("float64"))
    _, top = np.split(means, [4], axis=1)
    np.testing.assert_allclose(top, upper.predict_hidden(h1) / 2, atol=ERROR)


def test_offsets_and_chains_go_on(joined):
    model, network = joined
    lower, upper = network.rbms
    np.testing.assert_allclose(
        model.offsets.visible,
        np.append(lower.offsets.visible, upper.offsets.hidden) / 2,
        atol=ERROR,
    )
    np.testing.assert_array_equal(model.offsets.hidden, lower.offsets.hidden)
    np.testing.assert_array_equal(model.chain.particles, lower.chain.particles)


def test_the_halves_are_standardized_as_the_whole():
    for standardized in (True, False):
        halves = networks.split_dbm(dbm(standardized=standardized)).rbms
        assert [rbm.standardized for rbm in halves] == [standardized] * 2


def test_without_offsets_and_particles():
    model = dbm(chain=ContrastiveDivergence(), centered=False)
    network = random_halves(model)
    networks.join_dbm(network, model)
    assert network.rbms[0].offsets is None
    np.testing.assert_allclose(
        model.predict_visible(np.zeros((1, 3))),
        network.rbms[0].predict_visible(np.zeros((1, 3))) / 2,
        atol=ERROR,
    )


def test_what_the_halves_have_of_the_model():
    regularizer = keras.regularizers.L2(1e-3)
    model = dbm(
        chain=PersistentChain(7),
        kernel_regularizer=regularizer,
        inverse_temperature=0.5,
        kernel_constraint=keras.constraints.MaxNorm(3.0),
    )
    for rbm in networks.split_dbm(model).rbms:
        assert rbm.chain.num_chains == 7
        assert rbm.parameters.kernel_regularizer == regularizer
        assert rbm.inverse_temperature == 0.5
        assert rbm.variable_dtype == "float64"
        assert rbm.parameters.kernel_constraint.max_value == 3.0


@pytest.mark.slow
def test_pretraining_is_a_better_start():
    """By the bound on log p(v), with the exact log Z."""
    patterns = data.bars_and_stripes(4).train
    model = DeepBoltzmannMachine(16, 8, 4, PersistentChain(50), seed=0)
    model.adapt(patterns)
    before = model.log_likelihood(patterns).lower
    networks.pretrain_dbm(
        model,
        patterns,
        epochs=300,
        batch_size=len(patterns),
        learning_rate=0.1,
        verbose=0,
    )
    after = model.log_likelihood(patterns).lower
    # Independent pixels have -16 ln 2; the patterns' entropy is ln 30.
    assert before < -10.5
    assert after > before + 2.0


def test_only_binary_machines_have_halves():
    for model in (RBM(4, 3), dbm(Gaussian(4, precision=1.0)), None):
        with pytest.raises(ValueError, match="`model` must be a DeepBoltz"):
            networks.split_dbm(model)


def test_grey_bytes_and_batches_are_doubled():
    x = np.array([[0, 255, 51, 0]] * 6, "uint8")
    (array,) = {tuple(row) for row in dbm_pretraining._as_counts(x).tolist()}
    np.testing.assert_allclose(array, [0, 2, 0.4, 0], rtol=1e-6)
    batches = tf.data.Dataset.from_tensor_slices(x / np.float32(255)).batch(4)
    for batch in dbm_pretraining._as_counts(batches):
        np.testing.assert_allclose(batch, [array] * len(batch), rtol=1e-6)
    endless = data.batches(x, 4)
    assert examples.count(dbm_pretraining._as_counts(endless), 4) == 6
    assert dbm_pretraining._as_counts(None) is None


def test_other_stacks_are_not_joined():
    model = dbm()
    other = DeepBeliefNetwork([RBM(4, 3), RBM(3, 2)])
    with pytest.raises(ValueError, match="`network` must be what `split_dbm`"):
        networks.join_dbm(other, model)


class OfRows(Chain):
    """A chain whose particles are visible rows."""

    num_chains = 5

    def build(self, visible_shape, hidden_shape):
        super().build(visible_shape, hidden_shape)
        self.particles = self.add_weight(
            shape=(5, visible_shape[-1]), trainable=False, autocast=False
        )

    def start(self, machine, stream, mean=None, variance=None, v=None):
        self.particles.assign(tf.fill(self.particles.shape, 0.25))

    def advance(self, machine, v_data, stream):
        return self.particles.value

    samples = advance


def test_no_chain_of_visible_rows_gets_hidden_states():
    """Both have as many columns: 6 and 4 around a middle layer of 10."""
    model = DeepBoltzmannMachine(6, 10, 4, OfRows(), seed=0)
    networks.join_dbm(networks.split_dbm(model), model)
    assert (model.chain.particles.numpy() == 0.25).all()
