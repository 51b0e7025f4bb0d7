"""Greedy training of a deep Boltzmann machine: its two halves as RBMs."""

from keras import ops

from keras_rbm import units
from keras_rbm.chains import PersistentChain
from keras_rbm.models import RBM, DeepBoltzmannMachine
from keras_rbm.networks.deep_belief_network import DeepBeliefNetwork

_COPIES = 2


def halves(model):
    """The lower and the upper half of a deep Boltzmann machine, as RBMs.

    In the whole, the middle layer has inputs from both sides. While one of
    them is missing, the other one stands for it: the lower half has two copies
    of v with the same weights, the upper half two copies of h2,

        p(h1 | v) = sigmoid(2 W1^T v + b),    p(v | h1) = sigmoid(W1 h1 + a)
        p(h1 | h2) = sigmoid(2 W2 h2 + b'),   p(h2 | h1) = sigmoid(W2^T h1 + c)

    which are RBMs with `Binomial(n, 2)` units on the outer sides. They learn
    as any stack does, from examples times 2 (see `data.counts`); `join` brings
    what they have learned back.

    Args:
        model: A `DeepBoltzmannMachine` of binary features.

    Returns:
        A `DeepBeliefNetwork` of two RBMs, with as many chains as the model
        has, and its regularizer.

    Raises:
        ValueError: If the model is no such machine.

    Reference: Salakhutdinov and Hinton (2009), "Deep Boltzmann machines",
        section 3.2.
    """
    if not isinstance(model, DeepBoltzmannMachine) or not isinstance(
        model.features, units.Bernoulli
    ):
        raise ValueError(
            "`model` must be a DeepBoltzmannMachine of binary features. "
            f"Received: model={model!r}, "
            f"features={getattr(model, 'features', None)}"
        )
    num_chains = getattr(model.chain, "num_chains", 100)

    def half(visible, hidden, seed):
        return RBM(
            visible,
            hidden,
            PersistentChain(num_chains),
            centered=model.offsets is not None,
            inverse_temperature=model.inverse_temperature,
            kernel_regularizer=model.parameters.kernel_regularizer,
            seed=(model.seed + seed) % 2**64,
            dtype=model.dtype_policy,
        )

    lower = half(_copies(model.features), model.hidden, 1)
    return DeepBeliefNetwork(
        [lower, half(model.hidden, _copies(model.top), 2)],
        dtype=model.dtype_policy,
    )


def join(network, model):
    """Starts a deep Boltzmann machine from its trained halves.

    The middle layer's inputs are the means of those in the two halves: half
    of 2 W1^T v + b and half of 2 W2 h2 + b'. The chains go on from those of
    the lower half.

    Args:
        network: What `halves` made of the model, trained.
        model: The `DeepBoltzmannMachine`.
    """
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
    own = getattr(model.chain, "particles", None)
    if own is not None and own.shape == lower.chain.particles.shape:
        own.assign(lower.chain.particles)


def _copies(layer):
    return units.Binomial(layer.width, _COPIES)
