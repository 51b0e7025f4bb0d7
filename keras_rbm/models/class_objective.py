"""What a class RBM follows, and what it predicts."""

import numpy as np
from keras import ops

from keras_rbm import checks, gradients, likelihood
from keras_rbm import machine as machine_lib
from keras_rbm.chains import ContrastiveDivergence, NoChain
from keras_rbm.compiled import compiled

# Numbers of a block of p(y | x), (examples, classes, hidden), and its examples.
_NUMBERS, _MOST_ROWS = 5_000_000, 500


def weights(generative_weight, discriminative_weight):
    """Both weights as floats.

    Raises:
        ValueError: If one is not 0 or a positive number, or both are 0.
    """
    given = {
        "generative_weight": generative_weight,
        "discriminative_weight": discriminative_weight,
    }
    found = [
        0.0 if value == 0 else checks.positive_number(name, value)
        for name, value in given.items()
    ]
    if not any(found):
        raise ValueError(
            "`generative_weight` or `discriminative_weight` must be more "
            "than 0. Received: generative_weight=0, discriminative_weight=0"
        )
    return found


def chain_for(generative_weight, chain):
    """The chain of a class RBM: what came, or that of its weight.

    Args:
        generative_weight: A number, 0 or more.
        chain: What came: a chain or `None`.

    Raises:
        ValueError: If it draws samples that are not needed, or none that are.
    """
    if chain is None:
        chain = ContrastiveDivergence() if generative_weight else NoChain()
    if isinstance(chain, NoChain) == bool(generative_weight):
        raise ValueError(
            "`chain` must be left out where `generative_weight` is 0, "
            "which needs no samples, and be one that draws some where it "
            f"is not. Received: chain={chain!r}, generative_weight="
            f"{generative_weight:g}"
        )
    return chain


def objective(
    generative_weight, discriminative_weight, num_classes, machine, v, *phases
):
    """L = generative_weight L_gen + discriminative_weight L_disc.

    With L_gen the negative mean of log p(x, y), by its surrogate, the
    free-energy gap, and L_disc that of log p(y | x), which is exact.

    Args:
        generative_weight: Number; at 0 no samples of the model are used.
        discriminative_weight: Number.
        num_classes: Number of classes, the last columns of `v`.
        machine: A `Machine`.
        v: Tensor of shape `(batch, visible.width)`.
        *phases: The further arguments of `gradients.free_energy_gap`.

    Returns:
        The objective, a scalar in nats, and hidden inputs, as
        `gradients.free_energy_gap` has it.

    Reference: Larochelle and Bengio (2008), "Classification using
        discriminative restricted Boltzmann machines", sections 2 to 4, whose
        alpha is `generative_weight`.
    """
    value = 0.0
    if generative_weight:
        gap, inputs = gradients.free_energy_gap(machine, v, *phases)
        value = generative_weight * gap
    else:
        inputs = machine_lib.hidden_inputs(machine, v)
    if discriminative_weight:
        # What the label adds is taken away again: cheaper than a product.
        rows = likelihood.class_inputs(machine, num_classes)
        own = ops.matmul(v[:, -num_classes:], rows)
        labels, log_p = predictions(
            machine, v, num_classes, inputs[: ops.shape(v)[0]] - own
        )
        _, sample_weight, _, totals = phases
        weight = 1.0 if sample_weight is None else sample_weight
        examples = ops.shape(v)[0] if totals is None else totals.examples
        share = ops.cast(weight, v.dtype) / ops.cast(examples, v.dtype)
        own = ops.sum(labels * log_p, axis=1)
        value = value - discriminative_weight * ops.sum(share * own)
    return value, inputs


def predictions(machine, v, num_classes, inputs=None):
    """Labels of examples, and log p(y | x) of all classes.

    Args:
        machine: A `Machine`.
        v: Tensor of shape `(batch, visible.width)`, rows (x, one-hot y).
        num_classes: Number of classes.
        inputs: What the hidden units receive from the features alone; `None`
            for the product that `probabilities` takes, with its roundings.

    Returns:
        One-hot labels and logarithms, both of shape `(batch, num_classes)`.
    """
    x, labels = v[:, :-num_classes], v[:, -num_classes:]
    if inputs is None:
        inputs = likelihood.feature_inputs(machine, x)
    return labels, likelihood.log_class_probabilities(
        machine, num_classes, inputs
    )


def probabilities(machine, x, num_classes):
    """p(y | x) of features, block by block.

    Args:
        machine: A `Machine`.
        x: Tensor of shape `(examples, features)`.
        num_classes: Number of classes.

    Returns:
        Array of shape `(examples, num_classes)`.
    """
    numbers = num_classes * machine.hidden.width
    rows = min(max(_NUMBERS // numbers, 1), _MOST_ROWS)
    x, parts = ops.convert_to_numpy(x), []
    for first in range(0, len(x), rows):
        block = x[first : first + rows]
        # The last one is filled up: another shape would be compiled anew.
        whole = ops.convert_to_tensor(np.resize(block, (rows, x.shape[1])))
        part = _probabilities(machine, whole, num_classes)
        parts.append(ops.convert_to_numpy(part)[: len(block)])
    return np.concatenate(parts)


def label_law(machine, x, num_classes):
    """p(y | x) of features, all at once, as a tensor: see `probabilities`."""
    inputs = likelihood.feature_inputs(machine, x)
    return ops.exp(
        likelihood.log_class_probabilities(machine, num_classes, inputs)
    )


_probabilities = compiled(label_law)
