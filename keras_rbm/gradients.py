"""Gradients of the log-likelihood, as pure functions of tensors."""

from typing import NamedTuple

from keras import ops

from keras_rbm import machine as machine_lib
from keras_rbm.machine import Machine
from keras_rbm.typing import Array, Tensor


class Totals(NamedTuple):
    """Sums over all rows, of which a computation has a part.

    Attributes:
        examples: Number of examples.
        weight: Sum of their weights.
        chains: Sum of the samples' weights, their number where all are alike.
    """

    examples: float
    weight: float
    chains: float


def free_energy_gap(
    machine: Machine,
    v: Array,
    v_model: Array,
    sample_weight: Array | None = None,
    model_weight: Array | None = None,
    totals: Totals | None = None,
) -> tuple[Tensor, Tensor]:
    """mean_i w_i F(v_i) - mean_i w_i * mean_j F(v_model_j).

    Its gradient is that of the negative mean log-likelihood, with the
    model's expectation replaced by the samples `v_model`: the difference of
    moments under the data and under the model. Its *value* is no likelihood;
    it hovers around 0 while the samples follow the model.

    Args:
        machine: A `Machine`.
        v: Tensor of shape `(batch, visible.width)`, the data.
        v_model: Tensor of shape `(chains, visible.width)`, samples of the
            model, taken as constants.
        sample_weight: Tensor of shape `(batch,)`, or `None` for ones. As
            everywhere in Keras, the weighted sum is divided by the number of
            examples.
        model_weight: Tensor of shape `(chains,)`, constants: mean_j is then
            the mean with these weights. `None` for ones.
        totals: `Totals`, if `v` and `v_model` are parts of more rows: the
            gap is then this part's summand. `None` for all rows.

    Returns:
        The gap, a scalar in nats, and the hidden inputs of `v` and then of
        `v_model`, of shape `(batch + chains, hidden.width)`: they cost a
        matrix product, and serve the metrics too.

    Reference: Tieleman (2008), "Training restricted Boltzmann machines using
        approximations to the likelihood gradient", section 2.
    """
    weight = ops.ones_like(v[:, 0]) if sample_weight is None else sample_weight
    examples = ops.shape(v)[0] if totals is None else totals.examples
    positive = ops.cast(weight, v.dtype) / ops.cast(examples, v.dtype)
    chains = ops.ones_like(v_model[:, 0])
    if model_weight is not None:
        chains = ops.stop_gradient(ops.cast(model_weight, v.dtype))
    if totals is None:
        negative = chains * ops.sum(positive) / ops.sum(chains)
    else:
        mean_weight = totals.weight / ops.cast(totals.examples, v.dtype)
        negative = chains * mean_weight / ops.cast(totals.chains, v.dtype)
    # One product for both phases: half the calls, twice the rows.
    both = ops.stop_gradient(ops.concatenate([v, v_model]))
    inputs = machine_lib.hidden_inputs(machine, both)
    energies = machine_lib.free_energy(machine, both, inputs)
    gap = ops.sum(ops.concatenate([positive, -negative]) * energies)
    return gap, inputs


def shares(
    x: Array,
    sample_weight: Array | None = None,
    total: Tensor | None = None,
) -> Tensor:
    """w_i / sum_j w_j, the weights of a mean over a batch.

    Args:
        x: Tensor of shape `(batch, width)`.
        sample_weight: Tensor of shape `(batch,)`, or `None` for ones.
        total: Sum of the weights, if these are a part of them; else `None`.

    Returns:
        Tensor of shape `(batch,)` and the dtype of `x`, of sum 1; all 0 if
        the weights are.
    """
    ones = ops.ones_like(x[:, 0])
    weight = ones if sample_weight is None else ops.cast(sample_weight, x.dtype)
    total = ops.sum(weight) if total is None else total
    return weight / ops.where(total == 0, ops.ones_like(total), total)


def center(
    kernel: Array,
    visible_bias: Array,
    hidden_bias: Array,
    visible_mean: Array,
    hidden_mean: Array,
) -> tuple[Tensor, Tensor, Tensor]:
    """Turns a gradient into that of the centred parametrization.

    With dW, db, dc the gradients, mu and lambda the offsets of the visible
    and hidden units:

        dW' = dW - db lambda^T - mu dc^T
        db' = db - dW' lambda
        dc' = dc - dW'^T mu

    Args:
        kernel: dW, of shape `(visible, hidden)`.
        visible_bias: db, of shape `(visible,)`.
        hidden_bias: dc, of shape `(hidden,)`.
        visible_mean: mu, of shape `(visible,)`.
        hidden_mean: lambda, of shape `(hidden,)`.

    Returns:
        The tuple dW', db', dc'.

    Reference: Montavon and Mueller (2012), "Deep Boltzmann machines and the
        centering trick"; Melchior, Fischer and Wiskott (2016), "How to center
        deep Boltzmann machines", algorithm 1.
    """
    db, dc, mu, lam = visible_bias, hidden_bias, visible_mean, hidden_mean
    centred = kernel - ops.outer(db, lam) - ops.outer(mu, dc)
    # dW' lambda and dW'^T mu, multiplied out: dW' is then never needed as a
    # matrix in memory, and XLA fuses it into the optimizer's update.
    to_visible = (
        ops.matmul(kernel, lam) - db * ops.dot(lam, lam) - mu * ops.dot(dc, lam)
    )
    to_hidden = (
        ops.matmul(mu, kernel) - lam * ops.dot(db, mu) - dc * ops.dot(mu, mu)
    )
    return centred, db - to_visible, dc - to_hidden
