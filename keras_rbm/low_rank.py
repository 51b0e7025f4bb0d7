"""A low-rank kernel to start training from, with the modes of clustered data.

`start` fits a machine with a kernel along the first principal axes of the data.
The likelihood is exact, by enumeration of the states of a few hidden units.
"""

from typing import NamedTuple

import numpy as np
from keras import ops

from keras_rbm import checks, gibbs, likelihood, random
from keras_rbm import machine as machine_lib
from keras_rbm import rows as rows_lib
from keras_rbm.machine import Machine
from keras_rbm.models import RBM
from keras_rbm.random import Use
from keras_rbm.typing import Examples
from keras_rbm.units import Bernoulli, Spin, Units

MAX_RANK, MAX_UNITS = 4, 10
# The most rows to which the density is fitted.
_ROWS = 10_000
# Starts of the optimizer, iterations of each, and of the best start.
_STARTS, _SHORT, _LONG = 3, 10, 200
# Spread of a unit's inputs over the data, at the start of the optimizer.
_INPUTS = 4.0
# Number of draws to estimate the effect of the other hidden units.
_DRAWS = 2000


class LowRankStart(NamedTuple):
    """The result of `start`.

    Attributes:
        axes: Principal axes of the data, orthonormal, of shape `(rank,
            visible.width)`.
        num_units: Number of hidden units in the fitted density.
        log_likelihood: Mean log p(v) of the fitted rows under these units, in
            nats; exact.
        log_partition: `likelihood.Estimate` of log Z of the whole model, with
            samples of the model as `particles`. It is exact, with a standard
            error of 0, if `noise` is 0 or if there are no other units.
        machine: The `Machine` of the fitted units: the weights of all other
            units are 0. `LowRankTempering` can start from it.

    Example:
        found = low_rank.start(keras_rbm.RBM(16, 8, seed=0), x, rank=1)
        print(found.log_likelihood, found.log_partition)
    """

    axes: np.ndarray
    num_units: int
    log_likelihood: float
    log_partition: likelihood.Estimate
    machine: Machine


def start(
    model: RBM,
    x: Examples,
    rank: int = 2,
    num_units: int | None = None,
    noise: float = 0.01,
    seed: int | None = 0,
) -> LowRankStart:
    """W = U Q, with p(v) fitted to the data's projections on its axes U.

    The columns of U are the first `rank` principal axes of the data. Q, of
    shape `(rank, num_units)`, the hidden biases and all visible biases
    maximize the likelihood of the data. The likelihood and its gradient are
    exact: given a state h of the `num_units` hidden units, the visible units
    are independent, with means determined by the field U Q h, and p(v) is a sum
    over the grid of 2^num_units points Q h. No chain is needed that could miss
    a mode. With `rank` at least the number of clusters minus 1, the machine has
    the clusters with their shares.

    The model then has this kernel, these biases, its centring offsets, and
    persistent chains that are drawn from the grid without any sweep. The kernel
    of the other hidden units is small and random, and centred: their mean
    effect on the visible units is 0.

    Use this start before `fit` if the data have a few clusters and chains do
    not move between them (`ChainHealth` then warns that chains stay in their
    modes). It does not help for data without clusters. Training can lose the
    shares of the modes, since chains that stay in their modes do not measure
    these shares. Give the model a chain that moves between modes:
    `PersistentChain(sampler=LowRankTempering(found.machine))`, where `found` is
    the result of `start` for a model of the same sizes.

    Args:
        model: An untrained `RBM` with hidden units of type `Bernoulli` or
            `Spin`, and bounded visible units whose only parameter is a bias,
            such as `Bernoulli`, `Spin`, `Softmax` or `Binomial`.
        x: Array of states, of shape `(examples, visible.width)`. At most 10,000
            rows are fitted.
        rank: Number of principal axes, from 1 to 4.
        num_units: Number of hidden units in the fitted density, from 1 to 10
            and at most as many as the model has; `None` for three per axis, but
            at most 8.
        noise: Standard deviation of the kernel of the other hidden units, a
            number of 0 or more. Without noise, these units would stay
            identical.
        seed: Integer from 0 to 2**64 - 1, for all random choices; `None` for a
            new seed at each call.

    Returns:
        A `LowRankStart`.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Decelle and Furtlehner (2021), "Exact training of restricted
        Boltzmann machines on intrinsically low dimensional data", and Bereux,
        Decelle, Furtlehner and Seoane (2025), "Fast training and sampling of
        restricted Boltzmann machines", for the start of training. They
        integrate over a mesh of magnetizations by their large-N entropy, where
        this function sums over states of hidden units without approximation.

    Example:
        x = np.repeat(np.eye(2), 8, axis=1)[np.arange(200) % 2]
        rbm = keras_rbm.RBM(16, 8, seed=0)
        found = low_rank.start(rbm, x, rank=1)
        print(found.log_partition)
    """
    rank, num_units = _check(model, rank, num_units)
    noise = checks.number_from_0("noise", noise)
    seed = checks.seed(seed)
    v = _rows(model, x)
    generator = np.random.default_rng(seed)
    axes = _axes(v, rank)
    fitted, log_likelihood = _fit(model.visible, v, axes, num_units, generator)
    model.adapt(x)
    _assign(model, fitted, axes, v.mean(axis=0), noise, generator)
    machine = machine_lib.cast(
        machine_lib.scale(
            model.parameters.machine(), model.inverse_temperature
        ),
        "float64",
    )
    count = max(_DRAWS, model.chain.num_chains or 0)
    stream = random.fold_in(random.stream(seed), Use.LOW_RANK)
    found = _estimate(machine, num_units, count, generator, stream)
    chains = model.chain.num_chains or 0
    spaced = np.arange(chains) * len(found.particles) // max(chains, 1)
    model.start_chain(found.particles[spaced])
    coupled = machine_lib.cast(
        _coupled_units(machine, num_units), model.variable_dtype
    )
    return LowRankStart(axes, num_units, log_likelihood, found, coupled)


class _Density(NamedTuple):
    """A machine of K hidden units in {-1/2, 1/2}, along the axes.

    log p(v) = b (v - mean) + sum_a log(2 cosh((Q_a m + c_a) / 2)) - log Z, with
    m = U' (v - mean).
    """

    b: np.ndarray  # (width,)
    q: np.ndarray  # (rank, units)
    c: np.ndarray  # (units,)


def _fit(visible, v, axes, num_units, generator):
    """Returns the most likely `_Density`, and its mean log p(v)."""
    from scipy.optimize import minimize  # Here: it takes long to import.

    mean = v.mean(axis=0)
    m = (v - mean) @ axes.T
    states = _patterns(num_units) - 0.5
    shapes = [mean.shape, (len(axes), num_units), (num_units,)]
    ends = np.cumsum([np.prod(shape) for shape in shapes])

    def unpacked(z):
        parts = np.split(z, ends[:-1])
        return _Density(
            *(p.reshape(s) for p, s in zip(parts, shapes, strict=True))
        )

    def loss(z):
        b, q, c = unpacked(z)
        half = 0.5 * (m @ q + c)
        positive = np.logaddexp(half, -half).sum(axis=1).mean()
        fields = (states @ q.T) @ axes
        params = {"bias": b}
        own = _array(visible.log_partition(fields, params))
        log_p = states @ (c - (mean @ axes.T) @ q) + own - b @ mean
        log_z = np.logaddexp.reduce(log_p)
        p = np.exp(log_p - log_z)
        means = _array(visible.mean(fields, params))
        slope = 0.5 * np.tanh(half)
        away = ((means - mean) @ axes.T) * p[:, None]
        gradient = (
            mean - p @ means,
            m.T @ slope / len(m) - away.T @ states,
            slope.mean(axis=0) - p @ states,
        )
        return log_z - positive, -np.concatenate([g.ravel() for g in gradient])

    def improve(z, iterations):
        options = {"maxiter": iterations, "ftol": 1e-7, "maxcor": 20}
        return minimize(loss, z, jac=True, method="L-BFGS-B", options=options)

    bias = _array(visible.fit_parameters(mean)["bias"])
    spread = np.maximum(m.std(axis=0), 1e-6)
    found = []
    for _ in range(_STARTS):
        # Hyperplanes through the data, with random directions.
        q = generator.normal(size=(len(axes), num_units)) / spread[:, None]
        q *= _INPUTS / np.maximum((m @ q).std(axis=0), 1e-6)
        shares = generator.uniform(0.1, 0.9, num_units)
        c = [-np.quantile(m @ q[:, a], s) for a, s in enumerate(shares)]
        z = np.concatenate([bias, q.ravel(), c])
        found.append(improve(z, _SHORT))
    best = improve(min(found, key=lambda r: r.fun).x, _LONG)
    # Terms without parameters, such as log C(n, x) of counts.
    constant = _array(visible.energy(v, {"bias": np.zeros_like(bias)})).mean()
    return unpacked(best.x), float(-best.fun - constant)


def _assign(model, fitted, axes, mean, noise, generator):
    """Sets the parameters of the model."""
    b, q, c = fitted
    others = model.hidden.width - len(c)
    small = noise * generator.normal(size=(model.visible.width, others))
    kernel = np.concatenate([axes.T @ q, small], axis=1)
    bias = np.concatenate([c, np.zeros(others)]) - mean @ kernel
    if isinstance(model.hidden, Spin):  # In {-1, 1} instead of {-1/2, 1/2}.
        kernel, bias = 0.5 * kernel, 0.5 * bias
    else:  # In {0, 1}.
        b = b - 0.5 * kernel.sum(axis=1)
    beta = model.inverse_temperature
    model.kernel.assign(kernel / beta)
    model.visible_params["bias"].assign(b / beta)
    model.hidden_params["bias"].assign(bias / beta)


def _estimate(machine, num_units, count, generator, stream):
    """Log Z of a machine, by a sum over the states of its first hidden units.

    log Z = log Z_K + log E_K[exp(F_K(v) - F(v))], where K stands for the
    machine with only the first units and a mean field of the others.

    Returns:
        A `likelihood.Estimate`, with samples of the machine as `particles`.
    """
    part = _first_units(machine, num_units)
    low, high = part.hidden.states
    patterns = low + (high - low) * _patterns(num_units)
    log_p = -_array(
        machine_lib.free_energy(machine_lib.flip(part), ops.array(patterns))
    )
    log_z = np.logaddexp.reduce(log_p)
    drawn = _systematic(np.exp(log_p - log_z), count, generator)
    v = gibbs.sample_visible(part, ops.array(patterns[drawn]), stream)
    if num_units == machine.hidden.width:
        weights = np.zeros(count)
    else:
        weights = _array(
            machine_lib.free_energy(part, v)
            - machine_lib.free_energy(machine, v)
        )
    shares = np.exp(weights - np.logaddexp.reduce(weights))
    size = 1.0 / np.square(shares).sum()
    chosen = np.arange(count)
    if np.ptp(weights):  # Resample draws of the part as draws of the whole.
        chosen = _systematic(shares, count, generator)
    return likelihood.Estimate(
        float(log_z + np.logaddexp.reduce(weights) - np.log(count)),
        float(np.sqrt(max(count / size - 1.0, 0.0) / (count - 1))),
        float(size),
        weights,
        _array(v)[chosen],
    )


def _systematic(p, count, generator):
    """Indices by systematic sampling: i is drawn about `count` p_i times.

    Reference: Douc, Cappe and Moulines (2005), "Comparison of resampling
        schemes for particle filtering", section 2.4.
    """
    at = (np.arange(count) + generator.random()) / count
    return np.searchsorted(np.cumsum(p / p.sum())[:-1], at)


def _coupled_units(machine, count):
    """The machine, with its other hidden units replaced by their mean field."""
    bias = machine.visible_params["bias"]
    if isinstance(machine.hidden, Bernoulli):
        bias = bias + 0.5 * ops.sum(machine.kernel[:, count:], axis=1)
    others = machine.hidden.width - count
    kernel = ops.pad(machine.kernel[:, :count], ((0, 0), (0, others)))
    return machine._replace(kernel=kernel, visible_params={"bias": bias})


def _first_units(machine, count):
    """Returns the same without these other units."""
    coupled = _coupled_units(machine, count)
    return coupled._replace(
        hidden=type(machine.hidden)(count),
        kernel=coupled.kernel[:, :count],
        hidden_params={"bias": machine.hidden_params["bias"][:count]},
    )


def _patterns(units):
    """All states of binary units, of shape `(2**units, units)`."""
    return ((np.arange(2**units)[:, None] >> np.arange(units)) & 1) * 1.0


def _axes(v, rank):
    """The first principal axes, of shape `(rank, width)`."""
    from sklearn.decomposition import PCA

    if not np.ptp(v, axis=0).any():
        vary = 0  # Of which `PCA` would compute shares.
    else:
        pca = PCA(rank, random_state=0).fit(v)
        least = 1e-9 * max(pca.explained_variance_[0], 1e-9)
        vary = int(np.sum(pca.explained_variance_ > least))
    if vary < rank:
        raise ValueError(
            "`rank` must be at most the number of axes along which `x` varies. "
            f"Received: rank={rank}, where x varies along {vary}"
        )
    return pca.components_


def _rows(model, x):
    """Checks the data, and returns some rows as a `float64` array."""
    x = rows_lib.of("x", x)
    shape = getattr(x, "shape", np.shape(x) if isinstance(x, list) else ())
    if len(shape) != 2 or shape[0] < 2 or not shape[1] == model.visible.width:
        raise ValueError(
            "`x` must be an array of shape (examples, visible.width) with at "
            f"least 2 rows. Received: x of shape {tuple(shape)}, "
            f"visible.width={model.visible.width}"
        )
    x = np.asarray(x) if isinstance(x, list) else x
    v = rows_lib.dense(x, slice(None, None, -(-shape[0] // _ROWS)))
    model.visible.check(v, "x")
    model.visible.check_states(v, "x")
    return np.asarray(v, "float64")


def _check(model, rank, num_units):
    """Checks the model and the sizes; returns the sizes."""
    if not isinstance(model, RBM):
        raise ValueError(
            "`model` must be an RBM. Received: "
            f"type(model)={type(model).__name__}"
        )
    if not isinstance(model.hidden, Bernoulli | Spin):
        raise ValueError(
            "`model` must have hidden units of type Bernoulli or Spin. "
            f"Received: model.hidden={model.hidden}"
        )
    if not _has_only_bias(model.visible):
        raise ValueError(
            "`model` must have bounded visible units whose only parameter is a "
            "bias: Bernoulli, Spin, Softmax or Binomial. Received: "
            f"model.visible={model.visible}"
        )
    for name in ("visible_bias_initializer", "kernel_constraint"):
        given = getattr(model.parameters, name)
        if given is not None:
            raise ValueError(
                f"`model` must have no `{name}`: the start sets the kernel and "
                f"the biases itself. Received: {name}={given}"
            )
    if ops.convert_to_numpy(model.updates):
        raise ValueError(
            "`model` must be untrained. Received: model.updates="
            f"{int(ops.convert_to_numpy(model.updates))}"
        )
    rank = checks.positive_integer("rank", rank)
    if rank > MAX_RANK:
        raise ValueError(
            f"`rank` must be at most {MAX_RANK}. Received: rank={rank}"
        )
    most = min(MAX_UNITS, model.hidden.width)
    if num_units is None:
        return rank, min(3 * rank, 8, most)
    num_units = checks.positive_integer("num_units", num_units)
    if num_units > most:
        raise ValueError(
            f"`num_units` must be at most {MAX_UNITS}, and at most the number "
            f"of hidden units. Received: num_units={num_units}, "
            f"model.hidden.width={model.hidden.width}"
        )
    return rank, num_units


def _has_only_bias(units: Units) -> bool:
    """Whether units are bounded and their only parameter is a bias."""
    bounded = all(np.isfinite(side).all() for side in units.support)
    exact = units.approximation is None or not units.approximation
    return units.parameters().keys() == {"bias"} and bounded and exact


def _array(x):
    return ops.convert_to_numpy(x)
