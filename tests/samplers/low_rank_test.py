import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_rbm
from keras_rbm import (
    Gaussian,
    LowRankTempering,
    Spin,
    low_rank,
    random,
    samplers,
)
from keras_rbm import machine as machine_lib
from tests.machines import assert_law, data, exact_draws, machine, rbm
from tests.oracle import Oracle
from tests.samplers.base_test import run

ORACLE = Oracle.draw(5, 4, seed=1, scale=0.8)
# The first and the third hidden unit are coupled.
BASE = Oracle.draw(5, 4, seed=2, scale=0.8)
BASE.kernel[:, [1, 3]] = 0.0
CHAINS = 30_000


def law(beta):
    """p(v) of the machine at a beta between the two."""
    kernel, b, c = (
        beta * getattr(ORACLE, name) + (1 - beta) * getattr(BASE, name)
        for name in ("kernel", "visible_bias", "hidden_bias")
    )
    return Oracle(kernel, b, c).p_visible


@pytest.fixture(scope="module")
def sampler():
    return LowRankTempering(machine(BASE), 3)


@pytest.mark.parametrize("num_sweeps", [1, 3])
def test_a_step_leaves_all_laws_between_the_two_unchanged(sampler, num_sweeps):
    rng, states = np.random.default_rng(0), ORACLE.visible_states
    laws = [law(beta) for beta in (1.0, 0.5, 0.0)]
    v = np.concatenate([exact_draws(rng, p, states, CHAINS) for p in laws])
    state = sampler.init(machine(ORACLE), tf.constant(v[:CHAINS]))
    state = run(
        sampler,
        machine(ORACLE),
        state._replace(v=tf.constant(v)),
        random.stream(1),
        tf.constant(num_sweeps),
        tf.constant(0),
    )
    for rows, expected in zip(np.split(state.v.numpy(), 3), laws, strict=True):
        assert_law(rows, expected)


def test_replicas_at_the_base_are_independent_draws(sampler):
    """From one state of all chains, a step leads to the base's law."""
    state = sampler.init(machine(ORACLE), tf.ones((CHAINS, 5)))
    state, _ = sampler.step(machine(ORACLE), state, random.stream(3))
    assert_law(state.v[-CHAINS:], BASE.p_visible)


def test_clamped_entries_keep_their_values_and_the_others_follow(sampler):
    v = tf.tile([[1.0, 0.0, 0.0, 0.0, 0.0]], (CHAINS, 1))
    clamp = samplers.Clamp(tf.constant([True, False, False, False, True]), v)
    state = sampler.init(machine(ORACLE), v)
    step = tf.function(sampler.step, autograph=False)
    for sweep in range(10):
        stream = random.fold_in(random.stream(0), sweep)
        state, _ = step(machine(ORACLE), state, stream, clamp)
    states = ORACLE.visible_states
    allowed = (states[:, 0] == 1) & (states[:, 4] == 0)
    p = np.where(allowed, ORACLE.p_visible, 0.0)
    assert_law(sampler.samples(state), p / p.sum())


def test_betas_are_tuned_before_a_long_run(sampler):
    ladder = LowRankTempering(machine(BASE), 4, adaptation=0.05)
    state = ladder.init(machine(ORACLE), tf.zeros((2, 5)))
    tuned = ladder.tune(machine(ORACLE), state, random.stream(0))
    betas = tuned.betas.numpy()
    assert betas[0] == 1.0
    assert betas[-1] == 0.0
    assert (np.diff(betas) < 0).all()
    assert (betas[1:-1] != state.betas.numpy()[1:-1]).all()
    fixed = LowRankTempering(machine(BASE), 4, adaptation=0)
    assert fixed.tune(machine(ORACLE), state, random.stream(0)) is state


def test_samplers_of_the_same_base_are_equal(sampler):
    same = LowRankTempering(machine(BASE), 3)
    assert sampler == same
    assert hash(sampler) == hash(same)
    spins = machine(BASE)._replace(hidden=Spin(4))
    for other in (
        LowRankTempering(machine(BASE), 4),
        LowRankTempering(machine(BASE), 3, 0.1),
        LowRankTempering(machine(ORACLE), 3),
        LowRankTempering(spins, 3),
        samplers.Gibbs(),
    ):
        assert sampler != other
    assert repr(sampler) == "LowRankTempering(num_betas=3)"


def test_spins_have_the_states_of_their_base():
    """Hidden spins of +-1 with half the weights are the bits of the base."""
    base = machine(BASE)
    halved = base._replace(
        hidden=Spin(4),
        kernel=base.kernel / 2,
        visible_params={
            "bias": base.visible_params["bias"]
            + tf.reduce_sum(base.kernel, axis=1) / 2
        },
        hidden_params={"bias": base.hidden_params["bias"] / 2},
    )
    sampler = LowRankTempering(halved, 2)
    state = sampler.init(halved, tf.ones((CHAINS, 5)))
    state, _ = sampler.step(halved, state, random.stream(4))
    assert_law(state.v[-CHAINS:], BASE.p_visible)


@pytest.fixture(scope="module")
def model(sampler):
    """A model with chains from the base."""
    model = rbm(ORACLE, chain=keras_rbm.PersistentChain(20, 1, sampler))
    model.adapt(data(400))
    model.kernel.assign(ORACLE.kernel)
    model.visible_params["bias"].assign(ORACLE.visible_bias)
    model.hidden_params["bias"].assign(ORACLE.hidden_bias)
    return model


@pytest.mark.slow
def test_a_model_samples_by_it(model, sampler):
    v = model.sample(5000, num_sweeps=50, seed=0, sampler=sampler)
    assert_law(v, ORACLE.p_visible)


def test_a_model_trains_with_it_and_is_saved_with_its_base(model, tmp_path):
    model.compile(run_eagerly=True)
    before = model.chain.particles.numpy()
    model.fit(data(400), epochs=1, verbose=0)
    assert (model.chain.particles.numpy() != before).any()
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.saving.load_model(path)
    assert loaded.chain.sampler == model.chain.sampler
    for name in ("particles", "betas", "swap_rates", "directions"):
        np.testing.assert_array_equal(
            getattr(loaded.chain, name).numpy(),
            getattr(model.chain, name).numpy(),
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"base": 3}, "`base` must be a machine"),
        (
            {
                "base": machine(BASE)._replace(
                    hidden=Gaussian(4),
                )
            },
            "of type Bernoulli or Spin",
        ),
        (
            {
                "base": machine(BASE)._replace(
                    hidden=keras_rbm.Bernoulli(11),
                    kernel=tf.ones((5, 11)),
                    hidden_params={"bias": tf.zeros(11)},
                )
            },
            "at most 10 hidden units .*11 such units",
        ),
        ({"num_betas": 1}, "`num_betas` must be at least 2"),
        ({"adaptation": 2.0}, "`adaptation` must be a number from 0 to 1"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        LowRankTempering(**{"base": machine(BASE)} | arguments)


def test_another_machine_is_refused(sampler):
    other = machine(ORACLE)._replace(hidden=Spin(4))
    with pytest.raises(ValueError, match="must have the units of the machine"):
        sampler.init(other, tf.zeros((2, 5)))


@pytest.mark.slow
def test_the_machine_of_a_low_rank_start_is_a_base():
    """Training keeps two clusters that plain chains cannot leave."""
    rng = np.random.default_rng(0)
    centres = rng.random((2, 40)) < 0.5
    cluster = rng.random(1000) < 0.3
    x = centres[cluster.astype(int)] ^ (rng.random((1000, 40)) < 0.03)
    x = x.astype("float32")
    found = low_rank.start(keras_rbm.RBM(40, 6, seed=0), x, rank=1)
    np.testing.assert_array_equal(found.machine.kernel[:, 3:], 0.0)
    assert machine_lib.dtype(found.machine) == "float32"
    chain = keras_rbm.PersistentChain(
        100, sampler=LowRankTempering(found.machine, 4)
    )
    model = keras_rbm.RBM(40, 6, chain, seed=0)
    low_rank.start(model, x, rank=1)
    model.compile()
    model.fit(x, updates=1000, verbose=0)
    v = model.sample(2000, 100, seed=0, sampler=model.chain.sampler)
    near = np.square(np.asarray(v)[:, None] - centres).sum(axis=-1)
    share = (near[:, 1] < near[:, 0]).mean()
    assert abs(share - cluster.mean()) < 0.05
