"""Effective couplings: interactions of v that the hidden units mediate.

Summing out the hidden units leaves log p(v) = sum_i b_i(v_i) + sum_a A_a(v),
where A_a, the log partition function of hidden unit a, couples all visible
units. There is a unique expansion of log p(v) over sets of sites in which each
term has a mean of 0 over each of its arguments (the zero-sum gauge):

    log p(v) = const + sum_i h_i(v_i) + sum_i<j J_ij(v_i, v_j)
               + sum_i<j<k J_ijk(v_i, v_j, v_k) + ...

The terms of a set come from the mean of A over all other sites, with all
states equally likely. For a hidden unit with few connected sites, this mean is
computed as a sum over states. For other hidden units, the input from the other
sites is a sum of many independent terms, and is approximated as normal.
"""

import collections
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from keras import ops

from keras_rbm import checks
from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled
from keras_rbm.machine import Machine
from keras_rbm.units import Bernoulli, Softmax, Spin

# The most numbers in a tensor of a block.
_NUMBERS = 2**26


class Couplings(NamedTuple):
    """Fields and pairwise couplings in the zero-sum gauge.

    log p(v) = const + sum_i h_i(v_i) + sum_i<j J_ij(v_i, v_j) + ...

    For `Bernoulli` and `Spin` units, they refer to spins s = -1 or 1 (for
    bits, s = 2 v - 1): h_i(v_i) = h_i s_i and J_ij(v_i, v_j) = J_ij s_i s_j.

    Attributes:
        fields: h, array of shape `(sites, categories)`, or `(sites,)` for
            spins.
        pairs: J, array of shape `(sites, sites, categories, categories)`, or
            `(sites, sites)` for spins. J_ji is the transpose of J_ij, and J_ii
            is 0.

    Example:
        found = couplings.effective(rbm.machine())
        print(found.fields.shape, found.pairs.shape)  # (16,) (16, 16)
    """

    fields: np.ndarray
    pairs: np.ndarray


def effective(
    machine: Machine, max_states: int = 2**12, num_nodes: int = 16
) -> Couplings:
    """J_ij(a, b), the mean of log p(v) given v_i = a, v_j = b, centred twice.

    The connected sites of a hidden unit have weights other than 0. If they have
    at most `max_states` joint states, the mean is an exact sum. Otherwise, by
    the central limit theorem, the input from all but one or two sites is
    approximated as normal with the correct mean and variance, and the mean is a
    Gauss-Hermite integral with `num_nodes` nodes.

    The visible units must be `Bernoulli`, `Spin` or `Softmax`; the hidden units
    must have one column each.

    Args:
        machine: A `Machine`, such as `rbm.machine()`.
        max_states: Integer, 0 or more. With 0, the normal approximation is used
            for all hidden units.
        num_nodes: A positive integer.

    Returns:
        `Couplings` of `float64` arrays.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Cossu, Del Debbio, Giani, Khamseh and Wilson (2019), "Machine
        learning determination of dynamical parameters: the Ising model case",
        section II, for spins; Decelle, Navas Gomez and Seoane (2025),
        "Inferring higher-order couplings with neural networks", for
        categories and the normal law.

    Example:
        found = couplings.effective(rbm.machine())
        found.pairs[0, 1]  # Of sites 0 and 1.
    """
    sums = _Sums(machine, max_states, num_nodes)
    sites, states = sums.sites, sums.states
    fields = sums.own_fields()
    for site, table in zip(
        range(sites), sums.terms([(i,) for i in range(sites)]), strict=True
    ):
        fields[site] += table
    pairs = np.zeros((sites, sites, states, states))
    every = list(itertools.combinations(range(sites), 2))
    for (i, j), table in zip(every, sums.terms(every), strict=True):
        pairs[i, j], pairs[j, i] = table, table.T
    if sums.are_spins:
        return Couplings(fields[:, 1], pairs[:, :, 1, 1])
    return Couplings(fields, pairs)


def three_body(
    machine: Machine,
    triples: Sequence[tuple[int, int, int]],
    max_states: int = 2**12,
    num_nodes: int = 16,
) -> np.ndarray:
    """J_ijk(a, b, c) of some triples of sites, in the zero-sum gauge.

    Args:
        machine: As for `effective`.
        triples: Sequence of triples of different sites, counted from 0.
        max_states: As for `effective`.
        num_nodes: As for `effective`.

    Returns:
        Array of `float64`, of shape `(triples, categories, categories,
        categories)`, or `(triples,)` for spins.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Decelle, Navas Gomez and Seoane (2025), as for `effective`.

    Example:
        couplings.three_body(rbm.machine(), [(0, 1, 2), (0, 2, 4)])
    """
    sums = _Sums(machine, max_states, num_nodes)
    listed = np.asarray(triples)
    different = listed.ndim == 2 and listed.shape[1:] == (3,) and len(listed)
    if (
        not different
        or listed.dtype.kind not in "iu"
        or listed.min() < 0
        or listed.max() >= sums.sites
        or any(len(set(row)) < 3 for row in listed.tolist())
    ):
        raise ValueError(
            "`triples` must be triples of different sites, integers from 0 to "
            f"{sums.sites - 1}. Received: triples={triples!r}"
        )
    tables = np.stack(sums.terms([tuple(row) for row in listed.tolist()]))
    return tables[:, 1, 1, 1] if sums.are_spins else tables


class _Sums:
    """Means of log p(v) given the states of a few sites."""

    def __init__(self, machine, max_states, num_nodes):
        self.max_states = checks.non_negative_integer("max_states", max_states)
        checks.positive_integer("num_nodes", num_nodes)
        visible, hidden = machine.visible, machine.hidden
        if not isinstance(visible, Bernoulli | Spin | Softmax):
            raise ValueError(
                "`machine` must have visible units of the type Bernoulli, Spin "
                f"or Softmax. Received: machine.visible={visible}"
            )
        if hidden.width != hidden.size or hidden.is_composite:
            raise ValueError(
                "`machine` must have hidden units of one type, with one column "
                f"each. Received: machine.hidden={hidden}"
            )
        self.are_spins = not isinstance(visible, Softmax)
        self.sites = visible.size
        self._states = np.asarray(visible.states, "float64").reshape(
            len(visible.states), -1
        )
        self.states = len(self._states)
        machine = machine_lib.absorb_beta(machine)
        kernel = self._by_state(ops.convert_to_numpy(machine.kernel))
        means = kernel.mean(axis=1)
        #: Inputs to the hidden units from the states of each site, centred,
        #: `(sites, states, hidden)`; and inputs at the mean of all sites.
        self.kernel = kernel - means[:, None]
        self.mean = means.sum(axis=0)
        self.bias = ops.convert_to_numpy(machine.visible_params["bias"])
        self.hidden = hidden
        self.params = {
            name: np.asarray(ops.convert_to_numpy(p), "float64")
            for name, p in machine.hidden_params.items()
        }
        connected = (self.kernel != 0).any(axis=1)
        bits = connected.sum(axis=0) * np.log2(self.states)
        self._few = bits <= np.log2(max(self.max_states, 0.5))
        self._connected = connected
        nodes, weights = np.polynomial.hermite_e.hermegauss(num_nodes)
        self._nodes, self._weights = nodes, weights / weights.sum()

    def _by_state(self, x):
        """Maps rows for columns of v to rows for the states of each site."""
        x = np.asarray(x, "float64").reshape(self.sites, -1, x.shape[-1])
        return np.einsum("sc,icx->isx", self._states, x)

    def own_fields(self):
        """The visible bias as fields, of shape `(sites, states)`."""
        fields = self._by_state(self.bias[:, None])[:, :, 0]
        return fields - fields.mean(axis=1, keepdims=True)

    def terms(self, sets):
        """The terms for sets of sites, as a list of `float64` arrays."""
        order = len(sets[0]) if sets else 0
        found = [np.zeros((self.states,) * order) for _ in sets]
        self._add_exact(sets, found)
        many = ~self._few
        if many.any() and sets:
            self._add_normal(np.asarray(sets), found, many)
        return found

    def _add_exact(self, sets, found):
        """Adds the contributions of hidden units with few connected sites."""
        one = type(self.hidden).from_config(
            {**self.hidden.get_config(), "size": 1}
        )
        places = collections.defaultdict(list)  # A set may come repeatedly.
        for place, own in enumerate(sets):
            places[frozenset(own)].append(place)
        order = len(sets[0]) if sets else 0
        for unit in np.flatnonzero(self._few):
            own = np.flatnonzero(self._connected[:, unit])
            count = len(own)
            if count < order:
                continue
            total = self.mean[unit]
            for axis, site in enumerate(own):
                shape = [1] * count
                shape[axis] = self.states
                total = total + self.kernel[site, :, unit].reshape(shape)
            params = {name: p[unit, None] for name, p in self.params.items()}
            table = one.log_partition(
                ops.convert_to_tensor(np.reshape(total, (-1, 1))),
                {k: ops.convert_to_tensor(p) for k, p in params.items()},
            )
            table = ops.convert_to_numpy(table).reshape((self.states,) * count)
            for axes in itertools.combinations(range(count), order):
                chosen = own[list(axes)].tolist()
                if frozenset(chosen) not in places:
                    continue
                others = tuple(set(range(count)) - set(axes))
                mean = table.mean(axis=others)
                for place in places[frozenset(chosen)]:
                    # The set may list its sites in another order.
                    turned = [chosen.index(site) for site in sets[place]]
                    found[place] += centred(np.transpose(mean, turned))

    def _add_normal(self, sets, found, many):
        """Adds the contributions of other hidden units, in blocks of sets."""
        kernel = np.asarray(self.kernel[:, :, many], "float32")
        variance = np.square(self.kernel[:, :, many]).mean(axis=1)
        total = variance.sum(axis=0)
        hidden = type(self.hidden).from_config(
            {**self.hidden.get_config(), "size": int(many.sum())}
        )
        params = {
            name: ops.convert_to_tensor(p[many].astype("float32"))
            for name, p in self.params.items()
        }
        base = ops.convert_to_tensor(self.mean[many].astype("float32"))
        nodes, weights = (
            ops.convert_to_tensor(x.astype("float32"))
            for x in (self._nodes, self._weights)
        )
        order = sets.shape[1]
        size = self.states**order * len(self._nodes) * int(many.sum())
        block = max(1, min(len(sets), _NUMBERS // size))
        for first in range(0, len(sets), block):
            part = sets[first : first + block]
            # The last block is padded, so that one program serves all blocks.
            filled = np.resize(part, (block, order))
            left = total - variance[filled].sum(axis=1)
            deviation = np.sqrt(np.maximum(left, 0)).astype("float32")
            tables = _normal_means(
                hidden,
                params,
                tuple(
                    ops.convert_to_tensor(kernel[filled[:, axis]])
                    for axis in range(order)
                ),
                base,
                ops.convert_to_tensor(deviation),
                nodes,
                weights,
            )
            tables = np.asarray(ops.convert_to_numpy(tables), "float64")
            for number, table in enumerate(tables[: len(part)]):
                found[first + number] += centred(table)


@compiled
def _normal_means(hidden, params, kernels, base, deviation, nodes, weights):
    """Means of the log-partition over normal inputs, given some states.

    Args:
        hidden: `Units`, all with one column.
        params: Parameters of these units.
        kernels: For each site of a set, the inputs from its states, of shape
            `(sets, states, hidden)`.
        base: Inputs at the mean of all sites, `(hidden,)`.
        deviation: Standard deviation of the inputs from the other sites,
            `(sets, hidden)`.
        nodes: Nodes of the integral.
        weights: Weights of the nodes.

    Returns:
        Tensor of shape `(sets, states, ...)`, minus the value at the mean of
        the sites' inputs.
    """
    order = len(kernels)

    def add(total, node):
        node, weight = node
        others = base + node * deviation
        others = ops.reshape(others, (-1, *[1] * order, hidden.width))
        inputs = others
        for axis, kernel in enumerate(kernels):
            shape = [1] * order
            shape[axis] = kernel.shape[1]
            inputs = inputs + ops.reshape(kernel, (-1, *shape, hidden.width))
        change = hidden.log_partition_change(others, params, inputs, params)
        return total + weight * change, None

    states = [kernel.shape[1] for kernel in kernels]
    zeros = ops.zeros((kernels[0].shape[0], *states), "float32")
    total, _ = ops.scan(add, zeros, (nodes, weights))
    return total


def centred(table: np.ndarray) -> np.ndarray:
    """Centres a table to a mean of 0 along each axis.

    Args:
        table: Array of any number of axes.

    Example:
        table = couplings.centred(np.arange(12.0).reshape(3, 4))
        print(table.sum(axis=0))  # Zeros.
    """
    for axis in range(table.ndim):
        table = table - table.mean(axis=axis, keepdims=True)
    return table
