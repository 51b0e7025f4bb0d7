"""Gradients of the log-likelihood, as pure functions of tensors."""

from typing import NamedTuple

from keras import ops

from keras_rbm import machine as machine_lib
from keras_rbm.machine import Machine
from keras_rbm.typing import Array, DType, Tensor


class HiddenStates(NamedTuple):
    """Hidden states that are samples of the model.

    Attributes:
        h: Tensor of shape `(states, hidden.width)`.

    Example:
        h = gradients.HiddenStates(rbm.predict_hidden(x))
        gap, inputs = gradients.free_energy_gap(rbm.machine(), x, h)
    """

    h: Tensor

    @property
    def dtype(self) -> DType:
        """The dtype of the states."""
        return self.h.dtype


def free_energy_gap(
    machine: Machine,
    v: Array,
    v_model: Array | HiddenStates,
    positive: Array | None = None,
    negative: Array | None = None,
) -> tuple[Tensor, Tensor]:
    """sum_i positive_i F(v_i) - sum_j negative_j F(v_model_j).

    Its gradient is that of the negative mean log-likelihood, with the model's
    expectation estimated from the samples `v_model`: the difference of moments
    under the data and under the model. Its *value* is not a likelihood; it
    stays near 0 while the samples follow the model.

    Args:
        machine: A `Machine`.
        v: Tensor of shape `(batch, visible.width)`, the data.
        v_model: Tensor of shape `(chains, visible.width)`, samples of the
            model, taken as constants; or `HiddenStates`, whose free energies
            F(h) come from the flipped machine. Their gradient has the same
            mean, since both sum out one side of p(v, h).
        positive: Weights of the data, tensor of shape `(batch,)`; `None` for
            1 / batch each. As everywhere in Keras, the weight of an example
            is divided by the number of examples.
        negative: Weights of the samples, tensor of shape `(chains,)`, with the
            same sum as `positive`; `None` for equal weights.

    Returns:
        The gap, a scalar in nats, and the hidden inputs of `v` and then of
        `v_model`, of shape `(batch + chains, hidden.width)`. They are returned
        because they cost a matrix product, and the metrics need them too. With
        `HiddenStates`, only the inputs of `v`.

    Reference: Tieleman (2008), "Training restricted Boltzmann machines using
        approximations to the likelihood gradient", section 2.

    Example:
        with tf.GradientTape() as tape:
            gap, inputs = gradients.free_energy_gap(
                rbm.machine(), x, rbm.fantasy_particles
            )
        slope = tape.gradient(gap, rbm.kernel.value)  # Of -mean log p(v).
    """
    if positive is None:
        ones = ops.ones_like(v[:, 0])
        positive = ones / ops.cast(ops.shape(v)[0], v.dtype)
    of_hidden = isinstance(v_model, HiddenStates)
    if negative is None:
        ones = ops.ones_like((v_model.h if of_hidden else v_model)[:, 0])
        negative = ones * ops.sum(positive) / ops.sum(ones)
    if of_hidden:
        v, h, positive, negative = map(
            ops.stop_gradient, (v, v_model.h, positive, negative)
        )
        inputs = machine_lib.hidden_inputs(machine, v)
        of_data = machine_lib.free_energy(machine, v, inputs)
        of_model = machine_lib.free_energy(machine_lib.flip(machine), h)
        gap = ops.sum(positive * of_data) - ops.sum(negative * of_model)
        return gap, inputs
    # One product for both phases: half the calls, twice the rows.
    both = ops.stop_gradient(ops.concatenate([v, v_model]))
    weights = ops.stop_gradient(ops.concatenate([positive, -negative]))
    inputs = machine_lib.hidden_inputs(machine, both)
    energies = machine_lib.free_energy(machine, both, inputs)
    return ops.sum(weights * energies), inputs


def center(
    kernel: Array,
    visible_bias: Array,
    hidden_bias: Array,
    visible_mean: Array,
    hidden_mean: Array,
    visible_scale: Array | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Converts a gradient to the centred parametrization.

    With dW, db, dc the gradients, and mu and lambda the offsets of the visible
    and hidden units:

        dW' = dW - db lambda^T - mu dc^T
        db' = db - dW' lambda
        dc' = dc - dW'^T mu

    With a scale s_i > 0 for each visible unit,

        dW'_ij = (dW - db lambda^T - mu dc^T)_ij / s_i

    and db' and dc' follow from this dW' as above. This is the gradient of the
    parametrization whose visible states are (v - mu) / sqrt(s). If s is the
    variance of v, these states are standardized.

    Args:
        kernel: dW, of shape `(visible, hidden)`.
        visible_bias: db, of shape `(visible,)`.
        hidden_bias: dc, of shape `(hidden,)`.
        visible_mean: mu, of shape `(visible,)`.
        hidden_mean: lambda, of shape `(hidden,)`.
        visible_scale: s, positive, of shape `(visible,)`; `None` for 1.

    Returns:
        The tuple dW', db', dc'.

    Reference: Montavon and Mueller (2012), "Deep Boltzmann machines and the
        centering trick"; Melchior, Fischer and Wiskott (2016), "How to center
        deep Boltzmann machines", algorithm 1. Grosse and Salakhutdinov (2015),
        "Scaling up natural gradient by sparsely factorizing the inverse Fisher
        matrix", relate centring to the natural gradient.

    Example:
        offsets = np.full(16, 0.5, "float32"), np.full(8, 0.5, "float32")
        shapes = (16, 8), (16,), (8,)
        slopes = [np.ones(shape, "float32") for shape in shapes]
        kernel, visible_bias, hidden_bias = gradients.center(*slopes, *offsets)
    """
    db, dc, mu, lam = visible_bias, hidden_bias, visible_mean, hidden_mean
    centred = kernel - ops.outer(db, lam) - ops.outer(mu, dc)
    # dW' lambda and dW'^T mu, multiplied out: dW' is then never needed as a
    # matrix in memory, and XLA fuses it into the optimizer's update.
    to_visible = (
        ops.matmul(kernel, lam) - db * ops.dot(lam, lam) - mu * ops.dot(dc, lam)
    )
    scaled_mu = mu
    if visible_scale is not None:
        centred /= visible_scale[:, None]
        to_visible /= visible_scale
        scaled_mu = mu / visible_scale
    to_hidden = (
        ops.matmul(scaled_mu, kernel)
        - lam * ops.dot(db, scaled_mu)
        - dc * ops.dot(mu, scaled_mu)
    )
    return centred, db - to_visible, dc - to_hidden
