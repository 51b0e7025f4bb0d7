"""Greedy pretraining of a deep Boltzmann machine, by two RBMs of its halves."""

import keras
import tensorflow as tf
from keras import ops

from keras_rbm import data, units
from keras_rbm.chains import PersistentChain
from keras_rbm.models import RBM, DeepBoltzmannMachine
from keras_rbm.networks.deep_belief_network import DeepBeliefNetwork
from keras_rbm.typing import Examples

_COPIES = 2


def pretrain_dbm(
    model: DeepBoltzmannMachine,
    x: Examples,
    validation_data: Examples | None = None,
    **kwargs,
) -> list[keras.callbacks.History | None]:
    """Trains both halves of a deep Boltzmann machine, and joins them.

    Args:
        model: A `DeepBoltzmannMachine` of binary features.
        x: Examples v: an array of shape `(examples, features.width)`, uint8
            (in units of 1/255) or floating, or a `tf.data.Dataset` of batches.
        validation_data: The same, or `None`.
        **kwargs: Further arguments of `networks.pretrain`, but for `binarize`
            and `cache`: grey values stay such.

    Returns:
        List of Keras `History`, one for each half.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Salakhutdinov and Hinton (2009), section 3.1.
    """
    network = split_dbm(model)
    histories = network.pretrain(
        _as_counts(x), validation_data=_as_counts(validation_data), **kwargs
    )
    join_dbm(network, model)
    return histories


def split_dbm(model: DeepBoltzmannMachine) -> DeepBeliefNetwork:
    """Makes two RBMs of the lower and the upper half of a DBM.

    In the whole, the middle layer has inputs from both sides. While one of
    them is missing, the other one stands for it: the lower half has two copies
    of v with the same weights, the upper half two copies of h2,

        p(h1 | v) = sigmoid(2 W1^T v + b),    p(v | h1) = sigmoid(W1 h1 + a)
        p(h1 | h2) = sigmoid(2 W2 h2 + b'),   p(h2 | h1) = sigmoid(W2^T h1 + c)

    which are RBMs with `Binomial(n, 2)` units on the outer sides. They learn
    as any stack does, from examples times 2 (see `data.counts`); `join_dbm`
    brings what they have learned back.

    Args:
        model: A `DeepBoltzmannMachine` of binary features.

    Returns:
        A `DeepBeliefNetwork` of two RBMs, with as many chains as the model
        has, its regularizer and its constraint of W.

    Raises:
        ValueError: If the model is no such machine.

    Reference: Salakhutdinov and Hinton (2009), "Deep Boltzmann machines",
        section 3.1.
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

    The inputs of the middle layer are the mean of its inputs in the two
    halves: half of 2 W1^T v + b plus half of 2 W2 h2 + b'. The chains continue
    the chains of the lower half.

    Args:
        network: The network that `split_dbm` made of the model, trained.
        model: The `DeepBoltzmannMachine`.

    Raises:
        ValueError: If the network is not a half of the model.
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
    if isinstance(model.chain, PersistentChain):
        particles = model.chain.particles
        # Chains of other samplers than Gibbs start again.
        if particles.shape == lower.chain.particles.shape:
            particles.assign(lower.chain.particles)


def _as_counts(x):
    """Counts from 0 to 2 of examples."""
    if x is None:
        return None
    if isinstance(x, tf.data.Dataset):
        return x.map(lambda v: _COPIES * v).with_options(x.options())
    return _COPIES * data.to_float(x)


def _copies(layer):
    return units.Binomial(layer.width, _COPIES)
