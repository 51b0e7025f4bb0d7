import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_rbm
from keras_rbm import Bernoulli, Spin, TrajectoryTempering, random, samplers
from keras_rbm import machine as machine_lib
from keras_rbm.models import log_likelihood as log_likelihood_lib
from tests.machines import (
    assert_law,
    assert_same_states,
    data,
    exact_draws,
    machine,
    rbm,
)
from tests.oracle import Oracle
from tests.samplers.base_test import run

ORACLES = [Oracle.draw(5, 4, seed=s, scale=0.8) for s in (1, 2, 3)]
CHAINS = 30_000
MACHINES = [machine(oracle) for oracle in ORACLES]


def test_all_numbers_of_the_machines_come_back():
    sampler = TrajectoryTempering(
        [MACHINES[0], MACHINES[1]._replace(beta=0.5), MACHINES[2]]
    )
    assert sampler.rows == 4
    for number, (found, given) in enumerate(
        zip(sampler.machines, MACHINES, strict=True)
    ):
        assert (found.visible, found.hidden) == (given.visible, given.hidden)
        factor = 0.5 if number == 1 else 1.0
        np.testing.assert_array_equal(found.kernel, factor * given.kernel)
        for side in ("visible_params", "hidden_params"):
            np.testing.assert_array_equal(
                getattr(found, side)["bias"], getattr(given, side)["bias"]
            )


@pytest.mark.parametrize("num_sweeps", [1, 3])
def test_exchanges_leave_the_laws_of_unlike_machines_unchanged(num_sweeps):
    """Of machines that differ so much that many exchanges are refused."""
    rng, sampler = np.random.default_rng(0), TrajectoryTempering(MACHINES[:2])
    laws = [oracle.p_visible for oracle in ORACLES[::-1]]
    states = ORACLES[0].visible_states
    v = np.concatenate([exact_draws(rng, p, states, CHAINS) for p in laws])
    state = sampler.init(MACHINES[2], tf.constant(v[:CHAINS]))
    state = run(
        sampler,
        MACHINES[2],
        state._replace(v=tf.constant(v)),
        random.stream(1),
        tf.constant(num_sweeps),
        tf.constant(0),
    )
    for rows, law in zip(np.split(state.v.numpy(), 3), laws, strict=True):
        assert_law(rows, law)
    rates = state.swap_rates.numpy()[0] - 0.5
    assert -0.01 < rates < 0.0  # Of a step, a hundredth of its rate counts.


def test_samplers_of_the_same_machines_are_equal():
    one, same = (TrajectoryTempering(MACHINES[:2]) for _ in range(2))
    others = [
        TrajectoryTempering(MACHINES[1::-1]),
        TrajectoryTempering(MACHINES[:1]),
        TrajectoryTempering([m._replace(hidden=Spin(4)) for m in MACHINES[:2]]),
    ]
    assert one == same
    assert hash(one) == hash(same)
    assert all(one != other for other in others)
    assert one != samplers.Gibbs()
    assert repr(one) == "TrajectoryTempering(2 machines)"


def test_one_program_serves_all_machines_of_a_shape():
    program = log_likelihood_lib._run
    v, stream = data(400), random.stream(0)
    found, counts = [], []
    for machines in (MACHINES[:2], MACHINES[1:]):
        sampler = TrajectoryTempering(machines)
        state = sampler.init(MACHINES[2], v)
        found.append(program(sampler, MACHINES[2], state, stream, 3))
        counts.append(program.experimental_get_tracing_count())
    assert counts[0] == counts[1]
    assert (found[0] != found[1]).numpy().any()


@pytest.fixture(scope="module")
def model():
    """A model with a chain along a trajectory."""
    sampler = TrajectoryTempering(MACHINES[:2])
    model = rbm(ORACLES[2], chain=keras_rbm.PersistentChain(20, 1, sampler))
    model.adapt(data(400))
    model.kernel.assign(ORACLES[2].kernel)
    model.visible_params["bias"].assign(ORACLES[2].visible_bias)
    model.hidden_params["bias"].assign(ORACLES[2].hidden_bias)
    return model


def test_a_model_samples_by_it(model):
    v = model.sample(
        5000, num_sweeps=50, seed=0, sampler=TrajectoryTempering(MACHINES[:2])
    )
    assert_law(v, ORACLES[2].p_visible)


def test_the_reverse_starts_from_its_samples(model):
    found = model.log_partition(
        "ais",
        num_betas=500,
        num_sweeps=20,
        seed=0,
        sampler=model.chain.sampler,
    )
    error = 4 * found.standard_error
    assert found.lower - error < ORACLES[2].log_z < found.upper + error


def test_particles_go_on_after_saving(model, tmp_path):
    model.compile(keras.optimizers.SGD(0.05), run_eagerly=True)
    model.fit(data(), epochs=1, batch_size=16, verbose=0)
    assert model.chain.swap_rates.shape == (2,)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.chain.sampler == model.chain.sampler
    assert_same_states(model, loaded)
    for twin in (model, loaded):
        twin.fit(data(), epochs=1, batch_size=16, verbose=0, shuffle=False)
    assert_same_states(model, loaded)


def test_bad_machines():
    with pytest.raises(ValueError, match="`machines` must be a list of one"):
        TrajectoryTempering([])
    other = MACHINES[0]._replace(visible=Spin(5))
    with pytest.raises(ValueError, match="`machines` must have the same units"):
        TrajectoryTempering([MACHINES[0], other])
    sampler = TrajectoryTempering(MACHINES[:2])
    with pytest.raises(ValueError, match="`machines` of the sampler must"):
        sampler.init(other, data(3))
    assert machine_lib.dtype(MACHINES[0]) == "float32"
    assert MACHINES[0].visible == Bernoulli(5)
