import dataclasses
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import (
    RBM,
    Gibbs,
    PersistentChain,
    Tempered,
    TemperedChain,
    random,
    samplers,
)
from keras_rbm import data as data_lib
from keras_rbm import machine as machine_lib
from tests.machines import (
    assert_law,
    assert_means,
    assert_same_states,
    data,
    machine,
    oracle_of,
    rounding,
)
from tests.oracle import Oracle
from tests.tempering_test import bimodal

ORACLE = Oracle.draw(5, 4, seed=1)
MACHINE = machine(ORACLE)


def tempered(num_chains, num_betas, num_sweeps=1, adaptation=0.01, **kwargs):
    """A persistent chain that parallel tempering moves."""
    sampler = Tempered(num_betas, adaptation)
    return PersistentChain(num_chains, num_sweeps, sampler, **kwargs)


def built(target, visible, hidden, *args, **kwargs):
    """A chain whose base has a mean of 0.5."""
    chain = tempered(*args, **kwargs)
    chain.build((None, visible), (None, hidden))
    chain.start(
        machine_lib.decouple(target, np.full(visible, 0.5)), random.stream(1)
    )
    return chain


def compiled(chain, target):
    return tf.function(
        lambda stream: chain.advance(target, None, stream), jit_compile=True
    )


@pytest.mark.parametrize("num_sweeps", [1, 3])
def test_samples_reach_the_law_of_a_fixed_machine(num_sweeps):
    chain = built(MACHINE, 5, 4, 20_000, 4, num_sweeps)
    advance = compiled(chain, MACHINE)
    for step in range(21 // num_sweeps):
        v = advance(random.fold_in(random.stream(2), step))
    assert v.shape == (20_000, 5)
    assert_law(v, ORACLE.p_visible)
    stream = random.stream(0)
    np.testing.assert_array_equal(chain.samples(MACHINE, None, stream), v)


def test_both_modes_get_their_weight():
    oracle = bimodal()
    target = machine(oracle)
    chain = built(target, 6, 1, 200, 8, 10)
    chain.particles.assign(tf.zeros_like(chain.particles))
    advance = compiled(chain, target)
    visits = np.zeros(200)
    for step in range(150):
        v = advance(random.fold_in(random.stream(3), step))
        if step >= 50:
            visits += v.numpy().mean(axis=1) > 0.5
    assert_means(visits / 100, oracle.p_hidden[1])


def exchange_rates(base, target, betas):
    """The probability of exchange of each pair of neighbours, enumerated."""
    states = tf.constant(bimodal().visible_states, "float32")
    energies = [
        machine_lib.free_energy(
            machine_lib.anneal(base, target, beta), states
        ).numpy()
        for beta in betas
    ]
    rates = []
    for lower, upper in itertools.pairwise(energies):
        p, q = np.exp(-lower), np.exp(-upper)
        gap = lower - upper
        accepted = np.minimum(1, np.exp(gap[:, None] - gap))
        rates.append(p @ accepted @ q / p.sum() / q.sum())
    return rates


def test_the_betas_even_out_the_rates_of_exchange():
    target = machine(bimodal())
    base = machine_lib.decouple(target, np.full(6, 0.5))
    even = np.array([1, 0.75, 0.5, 0.25, 0], "float32")
    fixed = built(target, 6, 1, 3, 5, 2, 0.0)
    for step in range(3):
        fixed.advance(target, None, random.fold_in(random.stream(4), step))
    np.testing.assert_array_equal(fixed.betas, even)

    chain = built(target, 6, 1, 100, 5, 2, 0.05)
    advance = compiled(chain, target)
    for step in range(800):
        advance(random.fold_in(random.stream(4), step))
    betas = chain.betas.numpy()
    assert betas[0] == 1.0
    assert betas[-1] == 0.0
    assert (np.diff(betas) < 0).all()
    rates = exchange_rates(base, target, betas)
    assert np.ptp(rates) < 0.15 * np.ptp(exchange_rates(base, target, even))
    np.testing.assert_allclose(chain.swap_rates, rates, atol=0.03)


@pytest.mark.parametrize("num_sweeps", [1, 2, 3])
def test_swap_rates_count_the_turns_of_each_pair(num_sweeps):
    """Where there is no coupling all exchanges are accepted."""
    target = machine_lib.decouple(MACHINE, np.full(5, 0.5))._replace(beta=1.0)
    target = target._replace(kernel=tf.zeros((5, 4)))
    chain = built(target, 5, 4, 3, 4, num_sweeps)
    for step in range(1, 5):
        chain.advance(target, None, random.fold_in(random.stream(5), step))
    # Towards 1 from 0.5, by a hundredth at each sweep in which a pair had its
    # turn: every other one.
    moves = 2 * num_sweeps
    np.testing.assert_allclose(
        chain.swap_rates,
        1 - 0.5 * 0.99**moves,
        rtol=0,
        atol=rounding("float32", 1.0, 4 * moves),
    )
    assert chain.parity.numpy() == 4 * num_sweeps % 2


def test_chains_may_start_from_rows_of_another_precision():
    v = np.zeros((4, 5))
    state = Tempered(3).init(MACHINE, tf.constant(v))
    state, _ = Tempered(3).step(MACHINE, state, random.stream(0))
    assert state.v.dtype == "float64"


def test_draws_go_on_after_saving(tmp_path):
    model = RBM(5, 4, chain=tempered(6, 3), seed=3)
    # Eagerly: faster than two compilations, for a few steps.
    model.compile(keras.optimizers.SGD(0.05), run_eagerly=True)
    model.fit(data(), epochs=1, batch_size=16, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_same_states(model, loaded)
    for twin in (model, loaded):
        twin.fit(data(), epochs=1, batch_size=16, verbose=0, shuffle=False)
    assert_same_states(model, loaded)


@pytest.mark.slow
def test_it_learns_in_the_compiled_loop():
    patterns = data_lib.bars_and_stripes(2).train
    model = RBM(
        4,
        6,
        chain=tempered(50, 3),
        kernel_initializer=keras.initializers.RandomNormal(stddev=1.0, seed=0),
        seed=0,
    )
    schedule = keras.optimizers.schedules.PolynomialDecay(0.2, 4000, 0.0)
    model.compile(keras.optimizers.SGD(schedule), steps_per_execution=100)
    model.fit(
        data_lib.batches(patterns, len(patterns)),
        epochs=1,
        steps_per_epoch=4000,
        verbose=0,
    )
    # Each of the patterns has its share, less a few per cent.
    mean = oracle_of(model).log_likelihood(patterns).mean()
    assert -np.log(len(patterns)) - 0.1 < mean < -np.log(len(patterns))
    assert model.fantasy_particles.shape == (50, 4)


@pytest.mark.parametrize("initializer", [None, "zeros"])
def test_the_base_has_the_mean_of_the_data(initializer):
    model = RBM(
        5,
        4,
        chain=tempered(6, 3),
        visible_bias_initializer=initializer,
        seed=0,
    )
    x = data(400)
    model.adapt(x)
    np.testing.assert_allclose(model.chain.mean, x.mean(axis=0), atol=1e-5)


def test_samples_move_nothing():
    chain = built(MACHINE, 5, 4, 6, 3)
    before = [v.numpy() for v in chain.variables]
    chain.samples(MACHINE, None, random.stream(1))
    for variable, value in zip(chain.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_config_round_trip():
    chain = tempered(7, 3, num_sweeps=2, adaptation=0.1, name="ladder")
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(chain)
    )
    assert type(copy) is PersistentChain
    assert copy.get_config() == chain.get_config()
    assert (copy.num_chains, copy.sampler) == (7, Tempered(3, 0.1))


def test_the_old_name_warns_and_makes_the_same_chain():
    with pytest.warns(DeprecationWarning, match="sampler=Tempered"):
        chain = TemperedChain(7, 3, 2, 0.1, name="ladder")
    same = tempered(7, 3, 2, 0.1, name="ladder")
    assert chain.get_config() == same.get_config()
    with pytest.warns(DeprecationWarning, match="is deprecated"):
        chain = TemperedChain()
    assert (chain.num_chains, chain.sampler) == (100, Tempered(10, 0.01))


def test_a_chain_without_a_sampler_has_gibbs_sampling():
    assert PersistentChain().sampler == Gibbs()
    with pytest.raises(ValueError, match="`sampler` must be a sampler"):
        PersistentChain(sampler="tempered")


@pytest.mark.parametrize("name", ["num_sweeps", "sampler", "built", "rows"])
def test_a_sampler_that_takes_the_names_of_the_chain_is_refused(name):
    @dataclasses.dataclass(frozen=True)
    class Greedy(Gibbs):
        def kept(self, num_chains, visible_width, hidden_width):
            found = super().kept(num_chains, visible_width, hidden_width)
            shapes = {name: found["particles"]}
            return shapes if name == "rows" else found | shapes

    chain = PersistentChain(3, sampler=Greedy())
    with pytest.raises(ValueError, match="`sampler` must keep `particles`"):
        chain.build((None, 5), (None, 4))


def test_a_sampler_may_hold_another_one():
    @keras.saving.register_keras_serializable("tests")
    @dataclasses.dataclass(frozen=True)
    class Outer(Gibbs):
        inner: samplers.Sampler | None = None

    outer = Outer(Tempered(3, 0.2))
    config = keras.saving.serialize_keras_object(outer)
    assert keras.saving.deserialize_keras_object(config) == outer


@pytest.mark.parametrize("value", [0, 1, -2, 2.5, "3", None, True])
def test_bad_numbers_of_betas(value):
    with pytest.raises(ValueError, match="`num_betas` must be"):
        Tempered(value)


@pytest.mark.parametrize("value", [-0.1, 1.0, float("nan"), True, "0.1", None])
def test_adaptation_is_a_number_from_0_to_1(value):
    with pytest.raises(ValueError, match=r"`adaptation` .* adaptation="):
        Tempered(adaptation=value)


def test_betas_are_tuned_before_a_run_and_not_in_it():
    target = machine(bimodal())
    base = machine_lib.decouple(target, np.full(6, 0.5))
    sampler = Tempered(5)
    states = []
    for chains in (2, 30):
        state = sampler.init(target, tf.zeros((chains, 6)), base)
        states.append(sampler.tune(target, state, random.stream(2)))
    betas = states[0].betas.numpy()
    # Whatever the number of chains.
    np.testing.assert_array_equal(betas, states[1].betas)
    assert betas[0] == 1.0
    assert betas[-1] == 0.0
    assert (np.diff(betas) < 0).all()
    assert np.ptp(states[0].swap_rates) < 0.3
    state, _ = sampler.step(target, states[0], random.stream(4))
    np.testing.assert_array_equal(state.betas, betas)
    state = sampler.init(target, tf.zeros((2, 6)), base)
    for fixed in (Tempered(5, adaptation=0.0), Gibbs()):
        assert fixed.tune(target, state, random.stream(2)) is state
