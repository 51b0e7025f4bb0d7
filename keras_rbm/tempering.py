"""Parallel tempering: replicas at several betas that exchange states."""

from typing import Any

from keras import ops

from keras_rbm import gibbs, random
from keras_rbm import machine as machine_lib
from keras_rbm.machine import Machine
from keras_rbm.random import Stream, Use
from keras_rbm.typing import Array, Tensor

# Number of row addresses, divided among the replicas: far more than there are
# rows, so that a draw does not depend on the number of chains.
_ROWS = 2**31 - 1


def log_ratio(
    base: Machine,
    machine: Machine,
    betas: Array,
    others: Array,
    v: Array,
    inputs: Array,
) -> Tensor:
    """Log p*_other(v) - log p*_own(v) of each replica.

    Args:
        base: A `Machine` without coupling.
        machine: A `Machine`.
        betas: Tensor of shape `(num_betas,)`, the own beta of each replica.
        others: Tensor of shape `(num_betas,)`, the other beta of each replica.
        v: Tensor of shape `(num_betas * num_chains, visible.width)`.
        inputs: Hidden inputs of `v` at beta = 1, of shape `(num_betas *
            num_chains, hidden.width)`.

    Returns:
        Tensor of shape `(num_betas, num_chains)`, in nats.

    Example:
        machine, betas = rbm.machine(), np.array([0.5, 1.0], "float32")
        v = np.concatenate([x, x])  # A copy at each beta.
        inputs = keras_rbm.machine.hidden_inputs(machine, v)
        change = tempering.log_ratio(
            rbm.base_machine(), machine, betas, betas[::-1], v, inputs
        )
    """
    num_betas = betas.shape[0]

    def free_energy(betas):
        beta = _column(betas, v)
        annealed = machine_lib.anneal(base, machine, beta)
        return machine_lib.free_energy(annealed, v, beta * inputs)

    change = free_energy(betas) - free_energy(others)
    return ops.reshape(change, (num_betas, -1))


def exchange(
    base: Machine,
    machine: Machine,
    betas: Array,
    v: Array,
    inputs: Array,
    parity: int | Tensor,
    stream: Stream,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Exchanges neighbouring replicas, independently in each chain.

    Replicas k and k + 1 change places with probability

        min(1, exp(F_k(v_k) + F_k+1(v_k+1) - F_k(v_k+1) - F_k+1(v_k)))

    for all k of one parity together. The hidden units are summed out, which
    gives more exchanges than the energies of v and h would, and one product v W
    serves all betas. The product of all p_beta is left invariant.

    Args:
        base: A `Machine` without coupling.
        machine: A `Machine`.
        betas: Tensor of shape `(num_betas,)`.
        v: Tensor of shape `(num_betas * num_chains, visible.width)`.
        inputs: As for `log_ratio`.
        parity: Integer or scalar integer tensor: even pairs or odd ones.
        stream: A `keras_rbm.random.Stream`.

    Returns:
        Tuple of `v` and `inputs` after the exchange; the probabilities, of
        shape `(num_betas - 1,)`: means over chains, 0 for pairs of the other
        parity; and the previous places of the replicas, an `int32` tensor of
        shape `(num_betas, num_chains)`.

    Reference: Desjardins, Courville, Bengio, Vincent and Delalleau (2010),
        "Tempered Markov chain Monte Carlo for training of restricted
        Boltzmann machines", section 3.

    Example:
        machine, betas = rbm.machine(), np.array([0.5, 1.0], "float32")
        v = np.concatenate([x, x])  # A copy at each beta.
        inputs = keras_rbm.machine.hidden_inputs(machine, v)
        v, inputs, rates, places = tempering.exchange(
            rbm.base_machine(), machine, betas, v, inputs, 0, random.stream(0)
        )
    """
    num_betas = betas.shape[0]
    partner = partners(num_betas, parity)
    change = log_ratio(
        base, machine, betas, ops.take(betas, partner), v, inputs
    )
    accepted, probability = accept(change, partner, stream)
    return (
        exchanged(v, accepted, partner),
        exchanged(inputs, accepted, partner),
        probability,
        sources(accepted, partner),
    )


def partners(num_replicas: int, parity: int | Tensor) -> Tensor:
    """Returns the neighbour with which each replica may change places.

    Args:
        num_replicas: Number of replicas, ordered.
        parity: Integer or scalar integer tensor: even pairs or odd ones.

    Returns:
        `int32` tensor of shape `(num_replicas,)`; a replica that has no
        neighbour for this parity is its own partner.

    Example:
        print(tempering.partners(5, parity=0))  # [1, 0, 3, 2, 4]
    """
    index = ops.arange(num_replicas, dtype="int32")
    first = ops.equal((index + ops.cast(parity, "int32")) % 2, 0)
    partner = ops.where(first, index + 1, index - 1)
    alone = ops.logical_or(partner < 0, partner >= num_replicas)
    return ops.where(alone, index, partner)


def accept(
    change: Tensor, partner: Tensor, stream: Stream
) -> tuple[Tensor, Tensor]:
    """Decides which replicas change places, by the Metropolis rule.

    A pair is exchanged with probability min(1, exp(sum of both changes)).

    Args:
        change: Change of each replica's part of the joint log-probability, of
            shape `(num_replicas, num_chains)`, in nats.
        partner: Tensor from `partners`.
        stream: A `keras_rbm.random.Stream`.

    Returns:
        Tuple of booleans of the shape of `change`, and the probabilities for
        each pair of neighbours, of shape `(num_replicas - 1,)`: means over
        chains, 0 for pairs of the other parity.
    """
    num_replicas, num_chains = change.shape
    index = ops.arange(num_replicas, dtype="int32")
    change = change + ops.take(change, partner, axis=0)
    # Both replicas of a pair use the random number of the first one.
    u = ops.transpose(random.uniform(stream, (num_chains, num_replicas)))
    u = ops.take(u, ops.minimum(index, partner), axis=0)
    accepted = ops.log(ops.cast(u, change.dtype)) < change
    probability = ops.mean(ops.exp(ops.minimum(change, 0.0)), axis=1)
    active = partner > index
    probability = ops.where(active, probability, ops.zeros_like(probability))
    return accepted, probability[:-1]


def sources(accepted: Tensor, partner: Tensor) -> Tensor:
    """The previous places of replicas, `int32` of the shape of `accepted`.

    Args:
        accepted: Booleans from `accept`.
        partner: Tensor from `partners`.
    """
    index = ops.arange(partner.shape[0], dtype="int32")
    return ops.where(accepted, partner[:, None], index[:, None])


def exchanged(x: Tensor, accepted: Tensor, partner: Tensor) -> Tensor:
    """Returns the rows of replicas after the exchange.

    Args:
        x: Tensor of shape `(num_replicas * num_chains, width)`.
        accepted: Booleans from `accept`.
        partner: Tensor from `partners`.
    """
    rows = ops.reshape(x, (*accepted.shape, x.shape[-1]))
    rows = ops.where(accepted[..., None], ops.take(rows, partner, axis=0), rows)
    return ops.reshape(rows, x.shape)


def sweep(
    base: Machine,
    machine: Machine,
    betas: Array,
    v: Array,
    parity: int | Tensor,
    stream: Stream,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """An exchange, then a block-Gibbs update of each replica at its beta.

    All replicas are rows of the same matrix products, ordered by beta: the rows
    of the first beta come first.

    Args:
        base: A `Machine` without coupling, as `machine.decouple` returns.
        machine: A `Machine`.
        betas: Tensor of shape `(num_betas,)`, from 1 (the machine) to 0 (the
            base).
        v: Tensor of shape `(num_betas * num_chains, visible.width)`.
        parity: Integer or scalar integer tensor, alternately even and odd.
        stream: A `keras_rbm.random.Stream`, a different one for each sweep. Its
            first row is the number of the first chain.

    Returns:
        Tuple of `v` and `h` of all replicas, and the probabilities of
        exchange and the previous places of the replicas, as returned by
        `exchange`.
    """
    v, inputs, probability, source = exchange(
        base,
        machine,
        betas,
        v,
        machine_lib.hidden_inputs(machine, v),
        parity,
        random.fold_in(stream, Use.EXCHANGE),
    )
    beta = _column(betas, v)
    annealed = machine_lib.anneal(base, machine, beta)
    num_betas = betas.shape[0]
    here = replica_rows(stream, num_betas, v.shape[0] // num_betas)
    h = annealed.hidden.sample(
        beta * inputs,
        annealed.hidden_params,
        random.fold_in(here, Use.HIDDEN),
    )
    return gibbs.sample_visible(annealed, h, here), h, probability, source


def free_trip_rate(swap_rates: Array, xp: Any = ops) -> Tensor:
    """1 / (2 + 2 sum_k (1 - r_k) / r_k), round trips of a ladder per sweep.

    This is the rate at which replicas travel from the hottest beta to the
    coldest and back, if each replica forgets its past between two exchanges.
    Replicas that stay in a mode travel less often.

    Args:
        swap_rates: Tensor of shape `(num_betas - 1,)`.
        xp: `keras.ops` or NumPy.

    Returns:
        Scalar tensor.

    Reference: Syed, Bouchard-Côté, Deligiannidis and Doucet (2022),
        "Non-reversible parallel tempering: a scalable highly parallel MCMC
        scheme", section 4.

    Example:
        rates = np.array([0.4, 0.3, 0.5])
        print(float(tempering.free_trip_rate(rates)))  # Round trips per sweep.
    """
    rates = xp.maximum(swap_rates, 1e-6)
    return 1.0 / (2.0 + 2.0 * xp.sum((1.0 - rates) / rates))


def replica_rows(stream: Stream, num_replicas: int, num_chains: int) -> Stream:
    """The stream of all replicas, whose rows are ordered by replica.

    Args:
        stream: A `Stream` whose first row is the number of the first chain.
        num_replicas: Number of replicas of each chain.
        num_chains: Number of chains.
    """
    offsets = ops.repeat(
        ops.arange(num_replicas, dtype="int32")
        * (_ROWS // num_replicas - num_chains),
        num_chains,
    )
    return stream._replace(first_row=stream.first_row + offsets)


def even_out(betas: Array, rates: Array, gain: float | Tensor) -> Tensor:
    """Returns betas with slightly more equal rates of exchange.

    The distance d_k of neighbours becomes d_k exp(gain (rate_k - mean rate)),
    and all distances are scaled to keep the ends fixed. Neighbours that are
    exchanged often thus move apart.

    Args:
        betas: Tensor of shape `(num_betas,)`, falling or rising.
        rates: Tensor of shape `(num_betas - 1,)`, the rates of exchange.
        gain: Number or scalar tensor, the step size.

    Returns:
        Tensor of shape `(num_betas,)`.

    Reference: Vousden, Farr and Mandel (2016), "Dynamic temperature selection
        for parallel tempering", equation 12, with differences from the mean.
    """
    distances = (betas[:-1] - betas[1:]) * ops.exp(
        gain * (rates - ops.mean(rates))
    )
    places = ops.cumsum(distances) / ops.sum(distances)
    inner = betas[0] + (betas[-1] - betas[0]) * places[:-1]
    return ops.concatenate([betas[:1], inner, betas[-1:]])


def _column(betas, v):
    """Repeats each beta for its rows of `v`, of shape `(rows, 1)`."""
    repeats = v.shape[0] // betas.shape[0]
    return ops.repeat(ops.cast(betas, v.dtype), repeats)[:, None]
