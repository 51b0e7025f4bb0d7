"""Machines of many pairs of types, by enumeration and quadrature."""

import itertools
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import (
    RBM,
    Bernoulli,
    Binomial,
    Composite,
    Gaussian,
    NoisyReLU,
    PersistentChain,
    ReLU,
    Softmax,
    Spin,
    Tempered,
    gibbs,
    gradients,
    likelihood,
    random,
)
from keras_rbm import machine as machine_lib
from keras_rbm.machine import Machine
from tests.machines import assert_law, assert_same_states, sweeps
from tests.oracle import Oracle
from tests.units import laws

STREAM = random.stream(5)
CHAINS = 20_000
# What quadrature is good for, of sums of some 30 terms up to 20.
ERROR = 1e-9


class Side(NamedTuple):
    """Units, and what one of them takes: values, or `REAL`, `POSITIVE`."""

    units: object
    sites: tuple

    @property
    def real(self):
        return any(isinstance(site, str) for site in self.sites)


REAL, POSITIVE = "real", "positive"
BINARY, SPIN, ONE_HOT = [[0.0], [1.0]], [[-1.0], [1.0]], np.eye(3)
TRIALS = [[0.0], [1.0], [2.0]]

BERNOULLI = Side(Bernoulli(4), (BINARY,) * 4)
SPINS = Side(Spin(4), (SPIN,) * 4)
BINOMIAL = Side(Binomial(3, 2), (TRIALS,) * 3)
SOFTMAX = Side(Softmax(2, 3), (ONE_HOT,) * 2)
MIXED = Side(Composite(Bernoulli(2), Softmax(1, 3)), (BINARY, BINARY, ONE_HOT))
GAUSSIAN = Side(Gaussian(2), (REAL,) * 2)
FIXED = Side(Gaussian(1, precision=1.5), (REAL,))
RELU = Side(ReLU(2), (POSITIVE,) * 2)
HALF_REAL = Side(Composite(Gaussian(1), Spin(2)), (REAL, SPIN, SPIN))

PAIRS = {
    "spin-binomial": (SPINS, BINOMIAL),
    "softmax-bernoulli": (SOFTMAX, BERNOULLI),
    "composite-spin": (MIXED, SPINS),
    "gaussian-bernoulli": (GAUSSIAN, BERNOULLI),
    "softmax-gaussian": (SOFTMAX, FIXED),
    "bernoulli-relu": (BERNOULLI, RELU),
    "relu-spin": (RELU, SPINS),
    "composite-binomial": (HALF_REAL, BINOMIAL),
}


def enumerated(side, params):
    """Joint states of a side, or a grid of them, and their log-weights."""
    columns = []
    for site in side.sites:
        if isinstance(site, str):
            low = 0.0 if site == POSITIVE else -16.0
            nodes, weights = np.polynomial.legendre.leggauss(20)
            edges = np.linspace(low, 16.0, 9 if low else 5)
            half = np.diff(edges)[:, None] / 2
            x = (edges[:-1, None] + half * (1 + nodes)).reshape(-1, 1)
            columns.append((x, np.log(half * weights).ravel()))
        else:
            x = np.asarray(site)
            log_weights = np.zeros(len(x))
            if site is TRIALS:
                log_weights = np.log([1.0, 2.0, 1.0])
            columns.append((x, log_weights))
    states = np.array(
        [np.concatenate(x) for x in itertools.product(*(c[0] for c in columns))]
    )
    weights = np.array(
        [sum(w) for w in itertools.product(*(c[1] for c in columns))]
    )
    for name, value in params.items():
        if "precision" in name:  # Those of the first units of a side.
            value = value.numpy()
            weights = weights - np.square(states[:, : len(value)]) @ value / 2
    return states, weights


class Pair:
    """A machine in float64 and the oracle of it."""

    def __init__(self, visible, hidden, seed=1):
        self.sides = visible, hidden
        rng = np.random.default_rng(seed)
        shape = visible.units.width, hidden.units.width
        kernel = 0.6 * rng.normal(size=shape)
        visible_params, hidden_params = (
            {
                name: tf.sqrt(p) if "precision" in name else 0.5 * p
                for name, p in laws.parameters(
                    side.units, "float64", seed=s
                ).items()
            }
            for side, s in ((visible, 2), (hidden, 3))
        )
        self.machine = Machine(
            visible.units,
            hidden.units,
            tf.constant(kernel),
            visible_params,
            hidden_params,
        )
        self.oracle = Oracle(
            kernel,
            visible_params["bias"].numpy(),
            hidden_params["bias"].numpy(),
            1.0,
            enumerated(visible, visible_params),
            enumerated(hidden, hidden_params),
        )
        self.narrow = machine_lib.cast(self.machine, "float32")
        self.log_z = self.oracle.log_z
        joint = self.oracle.joint
        self.p_visible, self.p_hidden = joint.sum(axis=1), joint.sum(axis=0)

    def draws(self, count=CHAINS):
        """Independent exact draws of v."""
        rng, oracle = np.random.default_rng(0), self.oracle
        if not self.sides[0].real:
            return _chosen(rng, oracle.visible_states, self.p_visible, count)
        h = _chosen(rng, oracle.hidden_states, self.p_hidden, count)
        return gibbs.sample_visible(self.narrow, h, random.stream(99))

    def assert_law(self, v):
        """The law of v, or that of h where v has no list of states."""
        oracle = self.oracle
        if not self.sides[0].real:
            assert_law(v, self.p_visible, states=oracle.visible_states)
        else:
            h = gibbs.sample_hidden(self.narrow, v, random.stream(98))
            assert_law(h, self.p_hidden, states=oracle.hidden_states)


def _chosen(rng, states, law, count):
    rows = rng.choice(len(law), size=count, p=law / law.sum())
    return tf.constant(states[rows], "float32")


# Compilation takes its time: these have all types among them.
FAST = (
    "softmax-bernoulli",
    "gaussian-bernoulli",
    "bernoulli-relu",
    "composite-binomial",
)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            sides, id=name, marks=() if name in FAST else pytest.mark.slow
        )
        for name, sides in PAIRS.items()
    ],
)
def pair(request):
    return Pair(*request.param)


def test_free_energies_are_sums_over_the_other_side(pair):
    oracle = pair.oracle
    for side, machine, law in (
        (
            pair.sides[0],
            pair.machine,
            (oracle.visible_states, pair.p_visible),
        ),
        (
            pair.sides[1],
            machine_lib.flip(pair.machine),
            (oracle.hidden_states, pair.p_hidden),
        ),
    ):
        if side.real:
            continue
        states, p = law
        energies = machine_lib.free_energy(machine, tf.constant(states))
        np.testing.assert_allclose(
            -energies - pair.log_z, np.log(p), rtol=0, atol=ERROR
        )


def test_log_z_is_exact(pair):
    assert likelihood.can_be_exact(pair.machine)
    value = likelihood.exact(pair.machine).log_z
    assert value == pytest.approx(pair.log_z, abs=ERROR)


def test_a_start_of_exact_draws_is_one(pair):
    pair.assert_law(pair.draws())


def test_sweeps_leave_the_law_unchanged(pair):
    run = tf.function(sweeps, jit_compile=True)
    v = pair.draws()
    for num_sweeps in (1, 6):
        moved = run(pair.narrow, v, STREAM, tf.constant(num_sweeps))
        pair.assert_law(moved)
        assert (moved.numpy() != v.numpy()).any(axis=1).mean() > 0.3


def test_a_wrong_sweep_is_noticed(pair):
    wrong = pair.narrow._replace(kernel=1.3 * pair.narrow.kernel)
    moved = tf.function(sweeps)(wrong, pair.draws(), STREAM, 4)
    with pytest.raises(AssertionError):
        pair.assert_law(moved)


def base_of(pair, machine):
    law, states = pair.p_visible, pair.oracle.visible_states
    mean = law @ states
    variance = law @ np.square(states) - mean**2
    return machine_lib.decouple(machine, mean, variance)


def test_annealing_from_both_ends_brackets_log_z(pair):
    base, log_z = base_of(pair, pair.narrow), pair.log_z
    arguments = pair.narrow, base
    forward = likelihood.ais(*arguments, STREAM, 50, 2000)
    reverse = likelihood.reverse_ais(*arguments, pair.draws(2000), STREAM, 50)
    for estimate in (forward, reverse):
        assert abs(estimate.log_z - log_z) < 4 * estimate.standard_error
        assert 0 < estimate.standard_error < 0.1
    # Few steps: the means of their log-weights are on either side.
    forward = likelihood.ais(*arguments, STREAM, 2, 2000)
    reverse = likelihood.reverse_ais(*arguments, pair.draws(2000), STREAM, 2)
    start = float(machine_lib.log_partition_decoupled(base))
    for sign, weights in (
        (1, forward.log_weights),
        (-1, -reverse.log_weights),
    ):
        error = weights.std() / np.sqrt(len(weights))
        assert sign * (log_z - start - weights.mean()) > -4 * error


@pytest.mark.slow
def test_bennett_agrees(pair):
    base = base_of(pair, pair.narrow)
    result = likelihood.bennett(pair.narrow, base, STREAM, 4, 100, 100, 50)
    assert abs(result.log_z - pair.log_z) < 4 * result.standard_error
    assert result.standard_error < 0.05


def test_the_gradient_is_the_difference_of_moments(pair):
    """Of all parameters, with the enumerated negative phase."""
    oracle, machine = pair.oracle, pair.machine
    rng = np.random.default_rng(7)
    v = tf.cast(pair.draws(6), "float64")
    weight = rng.random(6)
    watched = [
        machine.kernel,
        *machine.visible_params.values(),
        *machine.hidden_params.values(),
    ]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        gap, _ = gradients.free_energy_gap(
            machine,
            v,
            tf.constant(oracle.visible_states),
            tf.constant(weight / len(v)),
            tf.constant(weight.mean() * pair.p_visible / pair.p_visible.sum()),
        )
    slopes = dict(
        zip(
            [
                "kernel",
                *(f"visible {name}" for name in machine.visible_params),
                *(f"hidden {name}" for name in machine.hidden_params),
            ],
            tape.gradient(gap, watched),
            strict=True,
        )
    )
    expected = oracle.gradient(v.numpy(), weight / 6)
    for name, value in zip(
        ("kernel", "visible bias", "hidden bias"), expected, strict=True
    ):
        np.testing.assert_allclose(slopes.pop(name), value, rtol=0, atol=ERROR)
    for name, slope in slopes.items():  # The precisions.
        data, model = oracle_squares(oracle, name.split()[0], v, weight / 6)
        count = slope.shape[0]
        np.testing.assert_allclose(
            slope, 0.5 * (data - model)[:count], rtol=0, atol=ERROR
        )


def oracle_squares(oracle, side, v, weight):
    """Weighted sums of x^2, of the data and of the model."""
    states = getattr(oracle, f"{side}_states")
    model = getattr(oracle, f"p_{side}") @ np.square(states)
    if side == "visible":
        data = weight @ np.square(v.numpy())
    else:
        data = weight @ oracle.p_hidden_given(v.numpy()) @ np.square(states)
    return data, weight.sum() * model


def test_pseudo_likelihood(pair):
    side, units = pair.sides[0], pair.sides[0].units
    if side.real:
        assert not likelihood.pseudo_likelihood_is_defined(units)
        return
    widths = [np.shape(site)[1] for site in side.sites]
    ends = np.cumsum(widths)
    sites = list(map(slice, ends - widths, ends))
    v = pair.oracle.visible_states[::5]
    value = likelihood.pseudo_log_likelihood(pair.machine, tf.constant(v))
    np.testing.assert_allclose(
        value,
        pair.oracle.pseudo_log_likelihood(v, sites),
        rtol=0,
        atol=ERROR,
    )
    # Random sites of one kind are as likely, and their mean is that.
    many = tf.constant(np.repeat(v[:1], 20_000, axis=0))
    values = likelihood.stochastic_pseudo_log_likelihood(
        pair.machine, many, STREAM
    ).numpy()
    error = 4 * values.std() / np.sqrt(len(values))
    assert abs(values.mean() - value[0]) < error + ERROR


DATA = np.random.default_rng(4)
MODELS = {
    "spin": (Spin(5), Spin(4), DATA.choice([-1.0, 1.0], (40, 5))),
    "softmax": (Softmax(2, 3), 4, np.eye(3)[DATA.choice(3, (40, 2))]),
    "gaussian": (Gaussian(5), 4, DATA.normal(1.0, 2.0, (40, 5))),
    "hidden gaussian": (5, Gaussian(4), DATA.choice([0.0, 1.0], (40, 5))),
    "fixed": (Gaussian(5, precision=2.0), 4, DATA.normal(size=(40, 5))),
    "relu": (5, ReLU(4), DATA.choice([0.0, 1.0], (40, 5))),
    "noisy relu": (5, NoisyReLU(4), DATA.choice([0.0, 1.0], (40, 5))),
    "binomial": (Binomial(5, 3), 4, DATA.choice(4, (40, 5))),
    "composite": (
        Composite(Bernoulli(2), Gaussian(2)),
        Composite(Spin(2), Bernoulli(1)),
        np.hstack(
            [DATA.choice([0.0, 1.0], (40, 2)), DATA.normal(size=(40, 2))]
        ),
    ),
}


@pytest.mark.parametrize(
    ("name", "compiled"),
    [
        *((name, False) for name in MODELS),
        *(
            # Every type compiles in the tests of sweeps.
            pytest.param(name, True, marks=pytest.mark.slow)
            for name in ("softmax", "composite")
        ),
    ],
)
def test_models_learn_and_are_saved(name, compiled, tmp_path):
    visible, hidden, x = MODELS[name]
    x = x.reshape(len(x), -1).astype("float32")
    tempered = name == "gaussian"
    chain = PersistentChain(9, sampler=Tempered(3) if tempered else None)
    model = RBM(visible, hidden, chain, seed=0)
    model.compile(
        keras.optimizers.SGD(0.05),
        run_eagerly=not compiled,
        jit_compile=compiled,
    )
    model.prepare(x)
    alone = (
        visible.mean(
            tf.zeros((1, visible.width)), model.machine().visible_params
        )
        if not isinstance(visible, int)
        else None
    )
    if alone is not None:
        np.testing.assert_allclose(alone[0], x.mean(axis=0), atol=1e-4)
    before = [w.numpy() for w in model.trainable_variables]
    model.fit(x, batch_size=20, epochs=1, verbose=0)
    for variable, old in zip(model.trainable_variables, before, strict=True):
        assert np.isfinite(variable.numpy()).all()
        assert (variable.numpy() != old).any()
    learned = {v.path for v in model.trainable_variables}
    fixed = [v for v in model.parameters.variables if v.path not in learned]
    assert len(fixed) == (name == "fixed")
    assert all((v.numpy() == 2.0).all() for v in fixed)
    figures = model.evaluate(x, batch_size=20, verbose=0, return_dict=True)
    assert np.isfinite(list(figures.values())).all()
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    assert (copy.visible, copy.hidden) == (model.visible, model.hidden)
    assert_same_states(copy, model)
    np.testing.assert_array_equal(copy.free_energy(x), model.free_energy(x))
