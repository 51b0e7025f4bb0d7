"""Restricted Boltzmann machines by enumeration: slow, in float64, in NumPy.

Every quantity is a sum over all joint states (of binary units, if nothing else
is said), taken from the energy -beta (v'Wh + b'v + c'h) alone. No formula of
the package is used, not even that the units of a side are independent given
the other.
"""

import itertools

import numpy as np


def all_states(width, values=(0.0, 1.0)):
    """All states of `width` units, as rows: 0...00, 0...01, 0...10, ..."""
    return np.array(list(itertools.product(values, repeat=width)))


def index(states, values=(0.0, 1.0)):
    """Where rows of states stand in `all_states`."""
    digits = np.searchsorted(np.asarray(values), np.asarray(states, "float64"))
    places = len(values) ** np.arange(digits.shape[1])[::-1]
    return digits @ places


def log_sum_exp(x, axis=None):
    top = x.max(axis=axis, keepdims=True)
    total = np.log(np.exp(x - top).sum(axis=axis, keepdims=True)) + top
    return total.squeeze() if axis is None else total.squeeze(axis)


def entropy(p):
    """-sum p log p, in nats."""
    p = p[p > 0]
    return -(p * np.log(p)).sum()


def divergence(p, log_q):
    """KL(p || q) = sum p (log p - log q), in nats."""
    return -entropy(p) - (p * log_q).sum()


class Oracle:
    """Everything about a machine of a few units, binary ones or others.

    Args:
        kernel: W, of shape `(visible, hidden)`.
        visible_bias: b, of shape `(visible,)`.
        hidden_bias: c, of shape `(hidden,)`.
        beta: Inverse temperature.
        visible: All joint states of the visible side, as rows, and the
            logarithms of their weights without any bias: of a quadrature for
            units that take real values. `None` for binary units.
        hidden: The same of the hidden side.
    """

    def __init__(
        self,
        kernel,
        visible_bias,
        hidden_bias,
        beta=1.0,
        visible=None,
        hidden=None,
    ):
        self.kernel = np.asarray(kernel, "float64")
        self.visible_bias = np.asarray(visible_bias, "float64")
        self.hidden_bias = np.asarray(hidden_bias, "float64")
        self.beta = float(beta)
        self.visible = visible or _binary(len(self.visible_bias))
        self.hidden = hidden or _binary(len(self.hidden_bias))
        self.visible_states, self.hidden_states = (
            self.visible[0],
            self.hidden[0],
        )

    @classmethod
    def draw(cls, visible, hidden, seed=0, scale=1.0):
        """A machine with normal parameters of standard deviation `scale`."""
        rng = np.random.default_rng(seed)
        return cls(
            scale * rng.normal(size=(visible, hidden)),
            scale * rng.normal(size=visible),
            scale * rng.normal(size=hidden),
        )

    def energy(self, v, h):
        """beta E(v, h) of rows of v and h, one pair after the other."""
        return -self.beta * np.array(
            [
                np.sum(self.kernel * np.outer(row, column))
                + np.sum(self.visible_bias * row)
                + np.sum(self.hidden_bias * column)
                for row, column in zip(v, h, strict=True)
            ]
        )

    def energies(self, v):
        """beta E(v, h) for rows of v (any reals) and, in columns, all h.

        Less the logarithms of their weights.
        """
        coupling = np.einsum(
            "ni,ij,kj->nk", v, self.kernel, self.hidden_states, optimize=True
        )
        visible = np.einsum("ni,i->n", v, self.visible_bias)
        hidden = np.einsum("kj,j->k", self.hidden_states, self.hidden_bias)
        energies = -self.beta * (coupling + visible[:, None] + hidden[None, :])
        weights = self._log_weights(v)
        return energies - weights[:, None] - self.hidden[1][None, :]

    def free_energy(self, v):
        """-log sum_h exp(-beta E(v, h)) for rows of v."""
        return -log_sum_exp(-self.energies(v), axis=1)

    @property
    def log_z(self):
        return log_sum_exp(-self.energies(self.visible_states))

    @property
    def joint(self):
        """p(v, h), of shape `(all v, all h)`."""
        return np.exp(-self.energies(self.visible_states) - self.log_z)

    @property
    def log_p_visible(self):
        """log p(v) of all v."""
        return -self.free_energy(self.visible_states) - self.log_z

    @property
    def p_visible(self):
        return self.joint.sum(axis=1)

    @property
    def p_hidden(self):
        return self.joint.sum(axis=0)

    def p_hidden_given(self, v):
        """p(h | v) for rows of v (any reals) and, in columns, all h."""
        energies = self.energies(v)
        return np.exp(-energies - log_sum_exp(-energies, axis=1)[:, None])

    def p_visible_given(self, h):
        """p(v | h) for rows of h (any reals) and, in columns, all v."""
        return Oracle(
            self.kernel.T,
            self.hidden_bias,
            self.visible_bias,
            self.beta,
            self.hidden,
            self.visible,
        ).p_hidden_given(h)

    def hidden_mean(self, v):
        """E[h | v] for rows of v."""
        return self.p_hidden_given(v) @ self.hidden_states

    def visible_mean(self, h):
        """E[v | h] for rows of h."""
        return self.p_visible_given(h) @ self.visible_states

    def transition(self):
        """p(v' | v) of one block-Gibbs sweep, of shape `(all v, all v')`."""
        up = self.p_hidden_given(self.visible_states)
        return up @ self.p_visible_given(self.hidden_states)

    def log_likelihood(self, v):
        """log p(v) for rows of v."""
        return -self.free_energy(v) - self.log_z

    def moments(self, v=None, weights=None):
        """E[v h'], E[v] and E[h], with h from p(h | v).

        Args:
            v: Rows of v, or `None` for all of them.
            weights: Their probabilities, or `None` for p(v) of the machine.
        """
        if v is None:
            v = self.visible_states
        if weights is None:
            weights = self.p_visible
        up = self.p_hidden_given(v)
        return (
            np.einsum(
                "n,ni,nk,kj->ij",
                weights,
                v,
                up,
                self.hidden_states,
                optimize=True,
            ),
            np.einsum("n,ni->i", weights, v),
            np.einsum("n,nk,kj->j", weights, up, self.hidden_states),
        )

    def gradient(self, v, weights):
        """Gradient of -sum_n weights_n log p(v_n) with respect to W, b and c.

        That is beta times the moments of the model less those of the data.
        """
        data, model = self.moments(v, weights), self.moments()
        return tuple(
            self.beta * (np.sum(weights) * m - d)
            for d, m in zip(data, model, strict=True)
        )

    def log_conditionals(self, v, sites=None):
        """log p(v_i | v_-i) for rows of v and every site i.

        Args:
            v: Rows of states.
            sites: The columns of each site, as slices; `None` for each.
        """
        if sites is None:
            sites = [slice(i, i + 1) for i in range(np.shape(v)[1])]
        log_p, own = self.log_p_visible, -self.free_energy(v) - self.log_z
        result = np.empty((len(v), len(sites)))
        for i, site in enumerate(sites):
            others = np.delete(self.visible_states, site, axis=1)
            for row, state in enumerate(np.delete(v, site, axis=1)):
                same = (others == state).all(axis=1)
                result[row, i] = own[row] - log_sum_exp(log_p[same])
        return result

    def pseudo_log_likelihood(self, v, sites=None):
        """sum_i log p(v_i | v_-i) for rows of v."""
        return self.log_conditionals(v, sites).sum(axis=1)

    def _log_weights(self, v):
        """Those of rows of v, which are states unless all weigh the same."""
        states, weights = self.visible
        if v is states:
            return weights
        if not weights.any():
            return np.zeros(len(v))
        return weights[nearest(v, states)]


def nearest(x, states):
    """Which of the states each row is nearest to."""
    x = np.asarray(x, "float64")
    return (np.square(states).sum(axis=1) - 2 * x @ states.T).argmin(axis=1)


def _binary(width):
    states = all_states(width)
    return states, np.zeros(len(states))
