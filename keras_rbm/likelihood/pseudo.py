"""Pseudo-likelihood: the law of each visible unit given all other units."""

import math

import numpy as np
from keras import ops

from keras_rbm import machine as machine_lib
from keras_rbm import random
from keras_rbm.machine import Machine
from keras_rbm.random import Stream
from keras_rbm.typing import Array, Tensor
from keras_rbm.units import Gaussian, Units

# Trapezoidal rule for a mixture of normal laws: the step, and the distance
# between the ends and the outermost means, in standard deviations.
_STEP, _BEYOND = 0.75, 8.0


def pseudo_likelihood_is_defined(visible: Units) -> bool:
    """Whether all units of a side have a list of states.

    Example:
        spins = keras_rbm.Spin(4)
        print(likelihood.pseudo_likelihood_is_defined(spins))  # True
    """
    return visible.num_joint_states is not None


def has_density(visible: Units, hidden: Units) -> bool:
    """Whether `pseudo_log_density` can be computed.

    It can if the visible units are `Gaussian` and the hidden units are either
    bounded or `Gaussian`.

    Example:
        gaussian, binary = keras_rbm.Gaussian(3), keras_rbm.Bernoulli(2)
        print(likelihood.has_density(gaussian, binary))  # True
    """
    bounded = bool(np.isfinite(hidden.support).all())
    return isinstance(visible, Gaussian) and (
        bounded or isinstance(hidden, Gaussian)
    )


def pseudo_log_density(machine: Machine, v: Array) -> Tensor:
    """sum_i log p(v_i | v_-i), the sum of log-densities of real units.

    Let F(x) be the free energy of v if unit i has the value x. Then

        log p(v_i | v_-i) = -F(v_i) - log integral exp(-F(x)) dx

    If the hidden units are Gaussian, p(v_i | v_-i) is a normal law of precision
    p_i - sum_j w_ij^2 / q_j, where p and q are the visible and the hidden
    precisions. The log-density is then computed in closed form.

    If the hidden units are bounded, p(v_i | v_-i) is a mixture of normal laws
    of precision p_i, one for each joint state h. Their means are between
    (b_i + sum_j min(w_ij h_j)) / p_i and (b_i + sum_j max(w_ij h_j)) / p_i.
    For such a mixture, the trapezoidal rule with a step of s standard
    deviations has a relative error of 2 exp(-2 pi^2 / s^2). With s = 0.75, and
    with ends 8 standard deviations beyond the outermost means, the error is
    less than 1e-14 in float64.

    Args:
        machine: A `Machine` for which `has_density` is true.
        v: Tensor of shape `(batch, visible.width)`.

    Returns:
        Tensor of shape `(batch,)`, in nats.

    Raises:
        ValueError: If `has_density` is false.

    Reference: Besag (1975), "Statistical analysis of non-lattice data";
        Trefethen and Weideman (2014), "The exponentially convergent
        trapezoidal rule", section 5.

    Example:
        rbm = keras_rbm.RBM(keras_rbm.Gaussian(3), 2, seed=0)
        v = random.normal(random.stream(0), (5, 3))
        log_p = likelihood.pseudo_log_density(rbm.machine(), v)
    """
    if not has_density(machine.visible, machine.hidden):
        raise ValueError(
            "The pseudo-likelihood of real units needs Gaussian visible units, "
            "and hidden ones that are bounded or Gaussian. Received: "
            f"machine.visible={machine.visible}, machine.hidden="
            f"{machine.hidden}"
        )
    inputs = machine_lib.hidden_inputs(machine, v)
    conditional = (
        _normal_conditional
        if isinstance(machine.hidden, Gaussian)
        else _mixture_conditional
    )

    def add(site, total):
        x = ops.take(v, site, axis=1)
        row = machine.beta * ops.take(machine.kernel, site, axis=0)
        own = [
            ops.take(machine.visible_params[name], site)
            for name in ("bias", "precision")
        ]
        return total + conditional(machine, x, inputs, row, *own)

    return ops.fori_loop(
        0, machine.visible.width, add, ops.zeros_like(inputs[:, 0])
    )


def _normal_conditional(machine, x, inputs, row, bias, precision):
    """Log p(v_i = x | v_-i) if both sides are Gaussian."""
    params = machine.hidden_params
    ratio = row / params["precision"]
    rest = inputs + params["bias"] - x[:, None] * row
    own = precision - ops.sum(row * ratio)
    mean = (bias + ops.matmul(rest, ratio)) / own
    return 0.5 * (
        ops.log(own) - math.log(2 * math.pi) - own * ops.square(x - mean)
    )


def _mixture_conditional(machine, x, inputs, row, bias, precision):
    """Log p(v_i = x | v_-i) if the hidden units are bounded.

    The integral is computed by the trapezoidal rule.
    """
    low, high = (ops.cast(end, x.dtype) for end in machine.hidden.support)
    ends = row * low, row * high
    deviation = ops.rsqrt(precision)
    first = (bias + ops.sum(ops.minimum(*ends))) / precision
    last = (bias + ops.sum(ops.maximum(*ends))) / precision
    first = first - _BEYOND * deviation
    step = _STEP * deviation
    width = last + _BEYOND * deviation - first
    count = ops.cast(ops.ceil(width / step), "int32") + 1

    def log_weight(value):
        """-F(value) up to a constant, of shape (batch,)."""
        moved = inputs + (value - x)[:, None] * row
        rest = machine.hidden.log_partition(moved, machine.hidden_params)
        return rest + value * (bias - 0.5 * precision * value)

    def add(number, log_sum):
        value = first + ops.cast(number, x.dtype) * step
        return ops.logaddexp(log_sum, log_weight(value))

    log_sum = ops.full_like(x, -float("inf"))
    log_sum = ops.fori_loop(0, count, add, log_sum)
    return log_weight(x) - log_sum - ops.log(step)


def pseudo_log_likelihood(machine: Machine, v: Array) -> Tensor:
    """sum_i log p(v_i | v_-i), over all sites i.

    Let v^k equal v, except that site i is in its k-th other state. Then

        p(v_i | v_-i) = 1 / (1 + sum_k exp(F(v) - F(v^k))).

    The code loops over the sites, so that memory does not grow with their
    number.

    Args:
        machine: A `Machine` whose visible units have a list of states.
        v: Tensor of shape `(batch, visible.width)`, with states from the list.

    Returns:
        Tensor of shape `(batch,)`, in nats.

    Raises:
        ValueError: If the visible units have no list of states.

    Reference: Besag (1975), "Statistical analysis of non-lattice data".

    Example:
        log_p = likelihood.pseudo_log_likelihood(rbm.machine(), x)
        print(np.mean(log_p))  # In nats per example.
    """
    total = 0.0
    for sites in _sites(machine):
        own, inputs = sites.own(v), machine_lib.hidden_inputs(machine, v)
        base = machine_lib.free_energy(machine, v, inputs)

        def add(site, log_sum, sites=sites, own=own, inputs=inputs, base=base):
            where = ops.broadcast_to(site, ops.shape(base))
            return log_sum + _log_conditional(
                machine, sites, v, own, inputs, base, where
            )

        total = total + ops.fori_loop(0, sites.size, add, ops.zeros_like(base))
    return total


def stochastic_pseudo_log_likelihood(
    machine: Machine, v: Array, stream: Stream, num_sites: int = 1
) -> Tensor:
    """N log p(v_i | v_-i), averaged over random sites i of each example.

    N is the number of sites. This is an unbiased estimate of the
    pseudo-log-likelihood, sum_i log p(v_i | v_-i). `pseudo_log_likelihood`
    defines the conditionals. If the visible side is `Composite`, sites of each
    part are drawn.

    The hidden inputs of v^k and of v differ only by a few rows of W. The
    product of v and W is therefore the only full matrix product.

    Args:
        machine: A `Machine` whose visible units have a list of states.
        v: Tensor of shape `(batch, visible.width)`, with states from the list.
        stream: A `keras_rbm.random.Stream` that draws the sites.
        num_sites: Number of sites for each example, drawn with replacement.

    Returns:
        Tensor of shape `(batch,)`, in nats.

    Raises:
        ValueError: If the visible units have no list of states.

    Reference: Besag (1975), "Statistical analysis of non-lattice data"; the
        Theano tutorial on RBMs, which uses one site for all examples.

    Example:
        log_p = likelihood.stochastic_pseudo_log_likelihood(
            rbm.machine(), x, random.stream(0), num_sites=4
        )
    """
    inputs = machine_lib.hidden_inputs(machine, v)
    base = machine_lib.free_energy(machine, v, inputs)
    total = 0.0
    for number, sites in enumerate(_sites(machine)):
        here = random.fold_in(stream, number) if number else stream
        u = random.uniform(here, (ops.shape(v)[0], num_sites))
        site = ops.cast(ops.reshape(u * sites.size, (-1,)), "int32")
        repeated = (
            _repeated(x, num_sites) for x in (v, sites.own(v), inputs, base)
        )
        terms = _log_conditional(machine, sites, *repeated, site)
        terms = ops.reshape(terms, (-1, num_sites))
        total = total + sites.size * ops.mean(terms, axis=1)
    return total


def _repeated(x, times):
    """Each row several times, by fewer operations than `ops.repeat`."""
    shape = ops.shape(x)
    x = ops.broadcast_to(x[:, None], (shape[0], times, *shape[1:]))
    return ops.reshape(x, (-1, *shape[1:]))


def _log_conditional(machine, sites, v, own, inputs, base, site):
    """Log p(v_i | v_-i) at one site i of each row, of shape (batch,).

    Args:
        machine: A `Machine`.
        sites: The `Sites` to which the sites i belong.
        v: Tensor of shape `(batch, visible.width)`.
        own: State indices of all sites, of shape `(batch, sites.size)`.
        inputs: Hidden inputs of `v`.
        base: Free energies of `v`, of shape `(batch,)`.
        site: Index i of the site of each row, of shape `(batch,)`.
    """
    states, count = ops.cast(sites.states, v.dtype), len(sites.states)
    state = ops.take_along_axis(own, site[:, None], axis=1)[:, 0]
    first = sites.first + site * sites.columns

    def rows_of(index):
        return ops.cast(ops.take(machine.kernel, index, axis=0), inputs.dtype)

    # Another category of a one-hot site replaces one row of W by another.
    columns = ops.arange(sites.columns, dtype="int32")
    rows = rows_of(
        first + state if sites.is_one_hot else first[:, None] + columns
    )

    def odds(step):
        """F(v) - F(v^k), where v^k is in the state `step` places later."""
        other = (state + step) % count
        change = ops.take(states, other, axis=0)
        change = change - ops.take(states, state, axis=0)
        if sites.is_one_hot:
            shift = rows_of(first + other) - rows
        else:
            shift = ops.sum(change[:, :, None] * rows, axis=1)
        moved = inputs + machine.beta * shift
        other_v = v + sites.scatter(change, site, machine.visible.width)
        return base - machine_lib.free_energy(machine, other_v, moved)

    if count == 2:
        return ops.log_sigmoid(-odds(1))
    log_sum = ops.fori_loop(
        1,
        count,
        lambda k, log_sum: ops.logaddexp(log_sum, odds(k)),
        ops.zeros_like(base),
    )
    return -log_sum


def _sites(machine):
    if not pseudo_likelihood_is_defined(machine.visible):
        raise ValueError(
            "The pseudo-likelihood of a site needs visible units with a list "
            f"of states. Received: machine.visible={machine.visible}"
        )
    return machine.visible.sites
