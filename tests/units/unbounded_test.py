"""Machines both sides of which are without bound, by quadrature.

A unit of real values each, and one of two states beside it in a composite: the
joint law is a table over a grid.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_rbm import (
    RBM,
    Bernoulli,
    Composite,
    Gaussian,
    ReLU,
    SpectralBound,
    gibbs,
    likelihood,
    random,
)
from keras_rbm import machine as machine_lib
from tests.machines import assert_means, sweeps

STREAM = random.stream(5)
CHAINS = 20_000
# Simpson's rule is good for what is smooth: its error is below 1e-8 of the law,
# most of it where positive values begin.
GRID = np.linspace(-16.0, 16.0, 1601)
BOUND = SpectralBound(0.9)
# Units, and the grid of the real one among them.
SIDES = {
    "gaussian": (Gaussian(1, precision=1.5), GRID),
    "relu": (ReLU(1, precision=1.2), GRID[GRID >= 0]),
    "composite": (Composite(Gaussian(1, precision=1.5), Bernoulli(1)), GRID),
}
PAIRS = [("gaussian", "relu"), ("composite", "gaussian"), ("relu", "relu")]


def simpson(x):
    """Weights of Simpson's rule on an odd number of points."""
    weights = np.full(len(x), 2.0)
    weights[1::2], weights[[0, -1]] = 4.0, 1.0
    return weights * (x[1] - x[0]) / 3


class Table:
    """p(v, h) ~ exp(-t E(v, h)) of a machine, on a grid, in NumPy."""

    def __init__(self, machine, grids, t):
        machine = machine_lib.cast(machine, "float64")
        (v, v_weights), (h, h_weights) = (
            self.side(units, grid)
            for units, grid in zip(
                (machine.visible, machine.hidden), grids, strict=True
            )
        )
        exponents = v @ machine.kernel.numpy() @ h.T
        for axis, x, params in (
            (1, v, machine.visible_params),
            (0, h, machine.hidden_params),
        ):
            (precision,) = (p for n, p in params.items() if "precision" in n)
            terms = x @ params["bias"].numpy()
            terms -= precision.numpy() * x[:, 0] ** 2 / 2
            exponents += np.expand_dims(terms, axis)
        exponents *= t
        top = exponents.max()
        law = np.exp(exponents - top) * np.outer(v_weights, h_weights)
        self.log_z = float(np.log(law.sum()) + top)
        law /= law.sum()
        self.v, self.p_v, self.h, self.p_h = v, law.sum(1), h, law.sum(0)

    @staticmethod
    def side(units, grid):
        """Points, as rows, and their weights."""
        x, weights = grid[:, None], simpson(grid)
        if units.width == 1:
            return x, weights
        return (
            np.vstack([np.hstack([x, np.full_like(x, b)]) for b in (0, 1)]),
            np.tile(weights, 2),
        )

    def distribution(self, x):
        """P(hidden unit <= x): the hidden side has a unit alone."""
        grid = self.h[:, 0]
        density = self.p_h / simpson(grid)
        steps = (density[1:] + density[:-1]) / 2 * (grid[1] - grid[0])
        return np.interp(x, grid, np.concatenate([[0.0], np.cumsum(steps)]))

    def draws(self, machine, count, seed=0):
        """Independent draws of v: of h from the table, and of v given h."""
        rng, grid = np.random.default_rng(seed), self.h[:, 0]
        share = self.distribution(grid)
        h = np.interp(rng.random(count), share, grid)[:, None]
        h = tf.constant(h, "float32")
        return gibbs.sample_visible(machine, h, random.stream(99))

    def assert_law(self, machine, v):
        """The law of h given v, and the first moments of v."""
        h = gibbs.sample_hidden(machine, v, random.stream(98)).numpy()[:, 0]
        distance = stats.kstest(h, self.distribution).statistic
        # Beyond 2.2 once in 8,000 times, by Kolmogorov's law.
        assert distance < 2.2 / np.sqrt(len(h))
        v = v.numpy().astype("float64")
        mean = self.p_v @ self.v
        assert_means(v, mean)
        assert_means((v - mean) ** 2, self.p_v @ (self.v - mean) ** 2)


class Pair:
    """An RBM of two such sides, as far from independent as it may be."""

    def __init__(self, visible, hidden):
        units, self.grids = zip(SIDES[visible], SIDES[hidden], strict=True)
        rng = np.random.default_rng(1)
        self.model = RBM(
            *units,
            centered=False,
            kernel_constraint=BOUND,
            seed=0,
        )
        kernel = 5 + rng.random((units[0].width, units[1].width))
        self.model.kernel.assign(BOUND(kernel))
        for params in (self.model.visible_params, self.model.hidden_params):
            params["bias"].assign(rng.normal(size=params["bias"].shape) / 2)
        self.machine = self.model.machine()
        self.tables = {
            t: Table(self.machine, self.grids, t) for t in (0.5, 1.0, 2.0)
        }

    def scaled(self, t):
        return machine_lib.scale(self.machine, tf.constant(t))


@pytest.fixture(
    scope="module",
    params=[
        *PAIRS[:2],
        # What is special about positive values is in the first one too.
        pytest.param(PAIRS[2], marks=pytest.mark.slow),
    ],
    ids="-".join,
)
def pair(request):
    return Pair(*request.param)


def test_the_constraint_holds_and_the_sides_are_coupled(pair):
    size = np.linalg.norm(pair.machine.kernel.numpy(), 2)
    assert 0.8 < size < 0.9
    table = pair.tables[1.0]
    alone = Table(
        pair.machine._replace(kernel=0 * pair.machine.kernel), pair.grids, 1.0
    )
    assert table.p_h @ table.h[:, 0] > alone.p_h @ alone.h[:, 0] + 0.1


def test_free_energies_are_integrals_over_the_other_side(pair):
    """Of both sides, whose sum is log Z."""
    machine = machine_lib.cast(pair.machine, "float64")
    table = pair.tables[1.0]
    for side, x, p, grid in (
        (machine, table.v, table.p_v, pair.grids[0]),
        (machine_lib.flip(machine), table.h, table.p_h, pair.grids[1]),
    ):
        weights = Table.side(side.visible, grid)[1]
        seen = p > 1e-12 * p.max()
        slope = 1 + BOUND.value * np.abs(x[seen]).max()
        energies = machine_lib.free_energy(side, tf.constant(x)).numpy()
        np.testing.assert_allclose(
            -energies[seen] - table.log_z,
            np.log(p / weights)[seen],
            rtol=0,
            # Of Simpson's rule, where an exponential of this slope begins.
            atol=1e-9 + (slope * (GRID[1] - GRID[0])) ** 4 / 180,
        )


def test_sweeps_leave_the_law_unchanged_at_all_temperatures(pair):
    run = tf.function(sweeps, jit_compile=True)
    for t, table in pair.tables.items():
        machine = pair.scaled(t)
        v = table.draws(machine, CHAINS)
        table.assert_law(machine, v)
        for num_sweeps in (1, 6):
            moved = run(machine, v, STREAM, tf.constant(num_sweeps))
            table.assert_law(machine, moved)


def test_a_wrong_sweep_is_noticed(pair):
    table = pair.tables[1.0]
    wrong = pair.machine._replace(kernel=0.9 * pair.machine.kernel)
    moved = sweeps(wrong, table.draws(wrong, CHAINS), STREAM, 4)
    with pytest.raises(AssertionError):
        table.assert_law(wrong, moved)


@pytest.mark.parametrize("t", [0.5, 2.0])
def test_samples_are_those_of_the_temperature(pair, t):
    v = pair.model.sample(CHAINS, num_sweeps=100, inverse_temperature=t, seed=3)
    pair.tables[t].assert_law(pair.scaled(t), tf.convert_to_tensor(v))


def test_annealing_from_both_ends_brackets_log_z(pair):
    table, machine = pair.tables[1.0], pair.machine
    assert likelihood.can_be_exact(machine) == (
        type(machine.visible) is type(machine.hidden) is Gaussian
    )
    mean = table.p_v @ table.v
    variance = table.p_v @ (table.v - mean) ** 2
    base = machine_lib.decouple(machine, mean, variance)
    draws = table.draws(machine, 2000)
    forward = likelihood.ais(machine, base, STREAM, 50, 2000)
    reverse = likelihood.reverse_ais(machine, base, draws, STREAM, 50)
    for estimate in (forward, reverse):
        error = estimate.standard_error
        assert abs(estimate.log_z - table.log_z) < 4 * error
        assert 0 < error < 0.1
    # The means of the log-weights are on either side.
    start = float(machine_lib.log_partition_decoupled(base))
    for sign, weights in (
        (1, forward.log_weights),
        (-1, -reverse.log_weights),
    ):
        error = weights.std() / np.sqrt(len(weights))
        assert sign * (table.log_z - start - weights.mean()) > -4 * error


def test_a_kernel_without_its_bound_is_refused():
    for visible, hidden in PAIRS:
        sides = SIDES[visible][0], SIDES[hidden][0]
        for constraint in (
            None,
            SpectralBound(2.0),
            keras.constraints.MaxNorm(0.9),
        ):
            with pytest.raises(ValueError, match="both be without bound"):
                RBM(*sides, kernel_constraint=constraint)
