"""Greedy pretraining of a deep Boltzmann machine as two RBMs."""

import keras
import tensorflow as tf
from keras import ops

from keras_rbm import data, samplers, units
from keras_rbm.chains import PersistentChain
from keras_rbm.models import RBM, DeepBoltzmannMachine, examples
from keras_rbm.networks.deep_belief_network import DeepBeliefNetwork
from keras_rbm.typing import Examples

_COPIES = 2


def pretrain_dbm(
    model: DeepBoltzmannMachine,
    x: Examples,
    validation_data: Examples | None = None,
    **kwargs,
) -> list[keras.callbacks.History | None]:
    """Trains the two halves of a deep Boltzmann machine, and joins them.

    Args:
        model: A `DeepBoltzmannMachine` of binary features.
        x: Examples v: an array of shape `(examples, features.width)`, uint8
            (in units of 1/255) or floating, or a `tf.data.Dataset` of batches.
        validation_data: Validation data in the form of `x`, or `None`.
        **kwargs: Further arguments of `networks.pretrain`, except `binarize`
            and `cache`. Grey values are not binarized.

    Returns:
        List of Keras `History`, one for each half.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Salakhutdinov and Hinton (2009), section 3.1.

    Example:
        model = keras_rbm.DeepBoltzmannMachine(16, 8, 4, seed=0)
        networks.pretrain_dbm(model, x, epochs=1, batch_size=10, verbose=0)
        model.compile()  # Then `fit` trains both layers together.
    """
    network = split_dbm(model)
    histories = network.pretrain(
        _as_counts(x), validation_data=_as_counts(validation_data), **kwargs
    )
    join_dbm(network, model)
    return histories


def split_dbm(model: DeepBoltzmannMachine) -> DeepBeliefNetwork:
    """Makes two RBMs from the lower and the upper half of a DBM.

    In the DBM, the middle layer h1 has inputs from both sides. In each half
    one of these inputs is missing, and twice the other input replaces it. The
    lower half has two copies of v with the same weights, and the upper half
    has two copies of h2:

        p(h1 | v) = sigmoid(2 W1^T v + b),    p(v | h1) = sigmoid(W1 h1 + a)
        p(h1 | h2) = sigmoid(2 W2 h2 + b'),   p(h2 | h1) = sigmoid(W2^T h1 + c)

    The halves are RBMs with `Binomial(n, 2)` units on the outer sides. You can
    train them like any stack, on examples multiplied by 2 (see `data.counts`).
    `join_dbm` then copies the learned parameters to the DBM.

    Args:
        model: A `DeepBoltzmannMachine` of binary features.

    Returns:
        A `DeepBeliefNetwork` of two RBMs, with the number of chains, the
        kernel regularizer and the kernel constraint of the model.

    Raises:
        ValueError: If the model is not a `DeepBoltzmannMachine` of binary
            features.

    Reference: Salakhutdinov and Hinton (2009), "Deep Boltzmann machines",
        section 3.1.

    Example:
        model = keras_rbm.DeepBoltzmannMachine(16, 8, 4, seed=0)
        lower, upper = networks.split_dbm(model).rbms
        print(lower.visible)  # Binomial(size=16, trials=2)
    """
    if not isinstance(model, DeepBoltzmannMachine) or not isinstance(
        model.features, units.Bernoulli
    ):
        raise ValueError(
            "`model` must be a DeepBoltzmannMachine of binary features. "
            f"Received: model={model!r}, "
            f"features={getattr(model, 'features', None)}"
        )
    num_chains = model.chain.num_chains or 100

    def half(visible, hidden, seed):
        return RBM(
            visible,
            hidden,
            PersistentChain(num_chains),
            centered=model.offsets is not None,
            standardized=model.standardized,
            inverse_temperature=model.inverse_temperature,
            kernel_regularizer=model.parameters.kernel_regularizer,
            kernel_constraint=model.parameters.kernel_constraint,
            seed=(model.seed + seed) % 2**64,
            dtype=model.dtype_policy,
        )

    lower = half(_copies(model.features), model.hidden, 1)
    upper = half(model.hidden, _copies(model.top), 2)
    return DeepBeliefNetwork([lower, upper], dtype=model.dtype_policy)


def join_dbm(network: DeepBeliefNetwork, model: DeepBoltzmannMachine) -> None:
    """Starts a deep Boltzmann machine from its trained halves.

    The input of the middle layer is the mean of its inputs in the two halves,
    2 W1^T v + b and 2 W2 h2 + b'. Where possible, the chains of the model
    continue the chains of the lower half.

    Args:
        network: The trained network that `split_dbm` made from the model.
        model: The `DeepBoltzmannMachine`.

    Raises:
        ValueError: If the RBMs of the network are not the halves of the model.

    Example:
        model = keras_rbm.DeepBoltzmannMachine(16, 8, 4, seed=0)
        halves = networks.split_dbm(model)
        # Train the halves here: halves.pretrain(2 * x)
        networks.join_dbm(halves, model)
    """
    expected = [
        (_copies(model.features), model.hidden),
        (model.hidden, _copies(model.top)),
    ]
    if [(rbm.visible, rbm.hidden) for rbm in network.rbms] != expected:
        raise ValueError(
            "`network` must be what `split_dbm` made of the model. Received: "
            f"network={network!r} of {network.rbms}"
        )
    lower, upper = network.rbms
    model.kernel.assign(
        ops.concatenate([lower.kernel, ops.transpose(upper.kernel)])
    )
    model.visible_params["bias"].assign(
        ops.concatenate(
            [lower.visible_params["bias"], upper.hidden_params["bias"]]
        )
    )
    model.hidden_params["bias"].assign(
        (lower.hidden_params["bias"] + upper.visible_params["bias"]) / _COPIES
    )
    if model.offsets is not None:
        mean = [lower.offsets.visible, upper.offsets.hidden]
        model.offsets.visible.assign(ops.concatenate(mean) / _COPIES)
        model.offsets.hidden.assign(lower.offsets.hidden)
    model.start_chain()
    # Both samplers keep states of h1. Other chains keep their new start.
    particles, learned = model.chain.particles, lower.chain.particles
    if (
        model.chain.sampler == samplers.Gibbs() == lower.chain.sampler
        and particles.shape == learned.shape
    ):
        particles.assign(learned)


def _as_counts(x):
    """Converts examples to counts from 0 to 2."""
    if x is None:
        return None
    if isinstance(x, tf.data.Dataset):
        found = x.map(lambda v: _COPIES * v).with_options(x.options())
        return examples.counted_as(found, x)
    return _COPIES * data.to_float(x)


def _copies(layer):
    return units.Binomial(layer.width, _COPIES)
