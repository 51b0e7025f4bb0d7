import json
import logging

import keras
import numpy as np
import pytest

import keras_rbm
from keras_rbm import callbacks, diagnostics, random
from keras_rbm.callbacks import chain_health
from tests import machines
from tests.callbacks import events
from tests.oracle import Oracle

X, V = machines.data(64), machines.data(40, seed=1)
CHAINS = {
    f"3 Chains/{name}"
    for name in (
        "autocorrelation_time",
        "memory",
        "projection_memory",
        "projection_distance",
        "never_flipping",
        "distance",
        "distance_after",
        "distance_floor",
    )
}
MACHINE = {
    "4 Learning/hidden_dead",
    "4 Learning/hidden_saturated",
    "2 Likelihood/validation_gap",
}
NUM_CHAINS = 200


def bimodal(strength):
    """A machine whose units are mostly all on or all off."""
    kernel = np.full((5, 4), strength)
    return Oracle(kernel, -kernel.sum(1) / 2, -kernel.sum(0) / 2)


def persistent(oracle, num_chains=NUM_CHAINS, chain=None):
    """A model whose particles are exact draws."""
    chain = chain or keras_rbm.PersistentChain(num_chains)
    ours = machines.rbm(oracle, chain=chain)
    h = machines.exact_draws(
        np.random.default_rng(0),
        oracle.p_hidden,
        oracle.hidden_states,
        num_chains,
    )
    ours.chain.particles.assign(h)
    return ours


def measured(tmp_path, ours, v=V, v_train=X, **kwargs):
    """What one epoch writes, as `{tag: value}`."""
    callback = callbacks.ChainHealth(tmp_path, v, v_train, **kwargs)
    callback.set_model(ours)
    callback.on_train_begin()
    callback.on_epoch_end(6)
    callback.on_train_end()
    values = events.read(tmp_path / "train")
    assert all(list(steps) == [7] for steps in values.values())
    return {tag: float(steps[7]) for tag, steps in values.items()}


def test_chains_of_an_enumerated_machine(tmp_path):
    oracle = Oracle.draw(5, 4, seed=3)
    ours = persistent(oracle)
    values = measured(tmp_path, ours, seed=2)
    assert set(values) == CHAINS | MACHINE
    particles = ours.fantasy_particles
    run = diagnostics.run(ours.machine(), particles, random.stream(2), 300)
    found = diagnostics.autocorrelation_time(run.free_energy)
    assert found.converged
    assert values["3 Chains/autocorrelation_time"] == pytest.approx(
        found.sweeps
    )
    # Some standard errors of a correlation after 150 sweeps, which is 0.
    error = np.sqrt(found.sweeps / (150 * NUM_CHAINS))
    assert abs(values["3 Chains/memory"]) < 4 * error
    assert values["3 Chains/never_flipping"] == 0
    mean = X.mean(0)
    for tag, v in (("distance", particles), ("distance_after", run.v)):
        expected = np.sqrt(np.mean((np.asarray(v).mean(0) - mean) ** 2))
        assert values[f"3 Chains/{tag}"] == pytest.approx(expected)
    floor = np.sqrt(np.mean(mean * (1 - mean)) / NUM_CHAINS)
    assert values["3 Chains/distance_floor"] == pytest.approx(floor)


def test_rows_with_missing_entries_are_completed(tmp_path):
    oracle = Oracle.draw(5, 4, seed=3)
    ours = persistent(oracle)
    lost = np.random.default_rng(0).random(X.shape) < 0.3
    x = np.where(lost, np.nan, X)
    values = measured(tmp_path, ours, v=x[:40], v_train=x, num_sweeps=20)
    assert set(values) == CHAINS | MACHINE
    assert np.isfinite(list(values.values())).all()
    whole = ours.inpaint(x, lost, num_sweeps=100, seed=0, verbose=0).numpy()
    np.testing.assert_array_equal(whole[~lost], X[~lost])
    particles = np.asarray(ours.fantasy_particles)
    expected = np.sqrt(np.mean((particles.mean(0) - whole.mean(0)) ** 2))
    assert values["3 Chains/distance"] == pytest.approx(expected)
    # Entries of a masked array that are masked are missing, too.
    hidden = np.ma.array(X, mask=lost)
    again = measured(
        tmp_path / "masked", ours, v=hidden[:40], v_train=hidden, num_sweeps=20
    )
    assert again == values
    callback = callbacks.ChainHealth(tmp_path, np.full((2, 5), np.inf))
    callback.set_model(ours)
    with pytest.raises(ValueError, match="`v` must"):
        callback.on_train_begin()


def test_examples_may_have_other_forms(tmp_path):
    ours = persistent(Oracle.draw(5, 4, seed=3))
    rows = measured(tmp_path / "rows", ours, num_sweeps=20)
    pictures = [x.reshape(-1, 5, 1) for x in (V, X)]
    assert measured(tmp_path / "p", ours, *pictures, num_sweeps=20) == rows
    sites = keras_rbm.RBM(
        keras_rbm.units.Softmax(2, 3), 4, keras_rbm.PersistentChain(8), seed=0
    )
    letters = np.random.default_rng(0).integers(0, 3, (40, 2))
    measured(tmp_path / "sites", sites, letters, letters, num_sweeps=20)


def test_the_floor_is_what_independent_examples_have():
    rng = np.random.default_rng(0)
    mean = X.mean(0)
    draws = rng.random((4000, NUM_CHAINS, 5)) < mean
    squares = np.mean((draws.mean(1) - mean) ** 2, axis=1)
    floor = np.mean(mean * (1 - mean)) / NUM_CHAINS
    machines.assert_means(squares / floor, 1.0)


def test_hidden_units_and_gap(tmp_path):
    oracle = Oracle.draw(5, 4, seed=3)
    # Off and on for every example, and for all but one.
    oracle.hidden_bias[:] = -30.0, 30.0, 0.0, -6.0
    oracle.kernel[:, 3] = 0.0, 0.0, 0.0, 0.0, 4.0
    last = V[:, 4].astype(bool)
    assert last.any()
    assert not last.all()
    ours = machines.rbm(oracle, chain=keras_rbm.ContrastiveDivergence())
    values = measured(tmp_path, ours)
    # Contrastive divergence keeps no chains.
    assert set(values) == MACHINE
    assert values["4 Learning/hidden_dead"] == 0.25
    assert values["4 Learning/hidden_saturated"] == 0.25
    gap = oracle.free_energy(V).mean() - oracle.free_energy(X).mean()
    scale = np.abs(oracle.free_energy(X)).max()
    tolerance = machines.rounding("float32", scale, 20)
    assert abs(values["2 Likelihood/validation_gap"] - gap) < tolerance


def test_many_examples_come_in_batches(tmp_path):
    oracle = Oracle.draw(5, 4, seed=3)
    v = machines.data(2345, seed=4)
    # A unit that only the last example switches on is not dead.
    v[:, 4] = 0
    v[-1, 4] = 1
    oracle.kernel[4], oracle.hidden_bias[:] = 20.0, -20.0
    oracle.kernel[:4] = 0.0
    values = measured(tmp_path, machines.rbm(oracle), v)
    assert values["4 Learning/hidden_dead"] == 0
    gap = oracle.free_energy(v).mean() - oracle.free_energy(X).mean()
    scale = np.abs(oracle.free_energy(X)).max()
    tolerance = machines.rounding("float32", scale, 20)
    assert abs(values["2 Likelihood/validation_gap"] - gap) < tolerance


def test_averaged_weights_are_for_the_machine_alone(tmp_path):
    ours = persistent(Oracle.draw(5, 4, seed=3))
    ours.compile(
        keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.9),
        run_eagerly=True,
    )
    ours.fit(X, batch_size=32, epochs=1, verbose=0)
    # `fit` has put the average into the weights: go on from there.
    ours.train_on_batch(X)
    now = machines.oracle_of(ours)
    with chain_health.averaged_weights(ours):
        average = machines.oracle_of(ours)
    values = measured(tmp_path, ours)

    def gap(oracle):
        return oracle.free_energy(V).mean() - oracle.free_energy(X).mean()

    scale = np.abs(now.free_energy(X)).max()
    tolerance = machines.rounding("float32", scale, 20)
    assert abs(gap(now) - gap(average)) > 2 * tolerance
    assert abs(values["2 Likelihood/validation_gap"] - gap(average)) < tolerance
    run = diagnostics.run(
        ours.machine(), ours.fantasy_particles, random.stream(0), 300
    )
    time = diagnostics.autocorrelation_time(run.free_energy).sweeps
    assert values["3 Chains/autocorrelation_time"] == pytest.approx(time)


@pytest.mark.parametrize(
    "chain",
    [
        lambda: keras_rbm.PersistentChain(NUM_CHAINS),
        lambda: keras_rbm.PersistentChain(
            NUM_CHAINS, sampler=keras_rbm.Tempered(3)
        ),
        lambda: keras_rbm.ContrastiveDivergence(1),
    ],
)
def test_training_goes_on_as_without(tmp_path, chain):
    models = []
    for others in ([], [callbacks.ChainHealth(tmp_path, V, X, every=1)]):
        ours = keras_rbm.RBM(5, 4, chain(), seed=0)
        optimizer = keras.optimizers.SGD(0.5, momentum=0.5, use_ema=True)
        ours.compile(optimizer, run_eagerly=True)
        ours.fit(
            X,
            batch_size=32,
            epochs=2,
            shuffle=False,
            callbacks=others,
            verbose=0,
        )
        models.append(ours)
    machines.assert_same_states(*models)
    assert list(events.read(tmp_path / "train")["4 Learning/hidden_dead"]) == [
        1,
        2,
    ]


def warnings(caplog, ours, tmp_path, epochs=3, x=X, **kwargs):
    """What is said in a fit that hardly moves the weights."""
    ours.compile(keras.optimizers.SGD(1e-6), run_eagerly=True)
    caplog.clear()
    with caplog.at_level(logging.WARNING, "keras_rbm"):
        ours.fit(
            x,
            batch_size=64,
            epochs=epochs,
            callbacks=[
                callbacks.ChainHealth(tmp_path, V, x, every=1, **kwargs)
            ],
            verbose=0,
        )
    return [record.message for record in caplog.records]


def test_a_healthy_machine_gives_no_warning(tmp_path, caplog):
    ours = persistent(Oracle.draw(5, 4, seed=3))
    assert warnings(caplog, ours, tmp_path) == []


def test_chains_that_stay_in_their_modes_give_one_warning(tmp_path, caplog):
    oracle = bimodal(6.0)
    oracle.visible_bias += 1.0  # Or else both modes have one free energy.
    oracle.hidden_bias -= 1.0
    ours = persistent(bimodal(6.0))
    ours.visible_params["bias"].assign(oracle.visible_bias)
    ours.hidden_params["bias"].assign(oracle.hidden_bias)
    (told,) = warnings(caplog, ours, tmp_path)
    assert told.startswith("epoch 1: the chains do not mix: over 150 sweeps")
    assert "Lower the learning rate" in told
    assert "PersistentChain(sampler=Tempered())" in told
    # Each fit says it anew.
    assert len(warnings(caplog, ours, tmp_path, epochs=1)) == 1


def test_modes_of_one_free_energy_are_told_apart(tmp_path, caplog):
    """Their free energies are alike; the states on an axis are not."""
    ours = persistent(bimodal(2.5))
    values = measured(tmp_path, ours, v_train=modes(0.5))
    assert values["3 Chains/memory"] < 0.8
    assert values["3 Chains/projection_memory"] > 0.8
    assert values["3 Chains/projection_distance"] < 0.2
    # The first of many sorted rows are of one mode.
    many = np.repeat(np.sort(modes(0.5), axis=0), 50, axis=0)
    values = measured(tmp_path / "many", ours, v_train=many)
    assert values["3 Chains/projection_distance"] < 0.2
    (told,) = warnings(caplog, ours, tmp_path / "fit", x=modes(0.5))
    assert "over 300 sweeps they stay in their modes" in told
    assert "LowRankTempering" in told


def test_few_chains_may_be_correlated_by_chance():
    # Independent states of 16 chains in two modes, on three axes: the share of
    # 3,000 measurements has an error of about 0.003 or less.
    generator = np.random.default_rng(0)
    for weight, share in ((0.5, 0.001), (0.9, 0.022)):
        states = generator.random((2, 3000, 16, 3)) < weight
        found = list(map(diagnostics.memory, *states.astype("float64")))
        wrong = np.greater(found, chain_health.MAX_MEMORY).mean()
        assert wrong < share + 3 * np.sqrt(share / 3000)


@pytest.mark.parametrize(("chains", "times"), [(15, 3), (16, 1), (16, 2)])
def test_enough_chains_that_stay_twice_give_a_warning(
    tmp_path, caplog, monkeypatch, chains, times
):
    monkeypatch.setattr(diagnostics, "memory", lambda *_: 0.99)
    ours = persistent(Oracle.draw(5, 4, seed=3), chains)
    told = warnings(caplog, ours, tmp_path, times)
    stay = ["stay in their modes" in reason for reason in told]
    assert stay == [True] * (chains == 16 and times == 2)


def test_particles_in_too_few_modes_give_a_warning(tmp_path, caplog):
    ours = persistent(bimodal(2.5))
    ours.chain.particles.assign(np.ones_like(ours.chain.particles))
    # All in one mode, and free to move within it: nothing else shows.
    values = measured(tmp_path, ours, v_train=modes(0.5))
    assert values["3 Chains/projection_distance"] == pytest.approx(0.5, abs=0.1)
    assert values["3 Chains/memory"] < 0.8
    told = warnings(caplog, ours, tmp_path / "fit", x=modes(0.5))
    assert told[0].startswith("epoch 2: the chains do not mix: they are in too")
    assert "keras_rbm.low_rank.start" in told[0]
    # A single time may be the start of training.
    ours.chain.particles.assign(np.ones_like(ours.chain.particles))
    folder = tmp_path / "once"
    assert warnings(caplog, ours, folder, 1, x=modes(0.5)) == []


def modes(share):
    """Data that are all on with this share, and else all off."""
    on = np.arange(64) < 64 * share
    return np.repeat(on[:, None], 5, axis=1).astype("float32")


# A machine without a kernel, whose hidden means are all the same.
@pytest.mark.filterwarnings("ignore:The hidden means:UserWarning")
def test_chains_that_stand_still_in_one_place_give_one_too(tmp_path, caplog):
    oracle = Oracle(np.zeros((5, 4)), np.full(5, -40.0), np.zeros(4))
    (told,) = warnings(caplog, persistent(oracle), tmp_path)
    expected = "100% of the visible units never flip in 300 sweeps"
    assert expected in told
    assert "correlated" not in told


def test_units_that_are_constant_in_the_data_need_not_flip(tmp_path):
    oracle = Oracle(np.zeros((5, 4)), np.full(5, 0.5), np.zeros(4))
    oracle.visible_bias[[0, 2, 3]] = -40.0
    x = X.copy()
    x[:, [0, 2]] = 0
    values = measured(tmp_path, persistent(oracle), v_train=x)
    assert values["3 Chains/never_flipping"] == pytest.approx(1 / 3)


def test_tempered_chains_are_judged_by_their_exchanges(tmp_path, caplog):
    ours = machines.rbm(
        bimodal(8.0),
        chain=keras_rbm.PersistentChain(
            NUM_CHAINS, sampler=keras_rbm.Tempered(3)
        ),
    )
    rates = np.array([0.3, 0.5], "float32")
    ours.chain.swap_rates.assign(rates)
    values = measured(tmp_path, ours)
    assert set(values) == CHAINS | MACHINE | {
        "3 Chains/swap_rate_min",
        "3 Chains/swap_rate_mean",
        "3 Chains/round_trip_rate",
    }
    assert values["3 Chains/swap_rate_min"] == rates.min()
    assert values["3 Chains/swap_rate_mean"] == pytest.approx(rates.mean())
    assert warnings(caplog, ours, tmp_path / "fine", epochs=1) == []
    ours.chain.swap_rates.assign([0.5, 0.01])
    (told,) = warnings(caplog, ours, tmp_path / "rare", epochs=2)
    assert "two neighbouring betas exchange at a rate of 0.0" in told
    # After so many updates replicas would have travelled.
    ours.chain.swap_rates.assign(rates)
    ours.chain.trip_rate.assign(0.0)
    ours.updates.assign(2000)
    (told,) = warnings(caplog, ours, tmp_path / "stuck", epochs=1)
    assert "replicas change places, but do not travel" in told
    ours.chain.trip_rate.assign(0.2)
    assert warnings(caplog, ours, tmp_path / "travels", epochs=1) == []


def test_a_top_layer_that_no_example_moves_gives_one_warning(tmp_path, caplog):
    ours = keras_rbm.DeepBoltzmannMachine(5, 4, 3, seed=0)
    machines.randomized(ours)
    kernel = keras.ops.convert_to_numpy(ours.kernel).copy()
    kernel[:5] *= 3.0
    for column, constant in ((5, 1 / 3), (6, 2 / 3)):
        kernel[column] = 0.0  # What comes to this unit of the top layer.
        ours.kernel.assign(kernel)
        folder = tmp_path / str(column)
        values = measured(folder, ours)
        assert values["4 Learning/top_constant"] == pytest.approx(constant)
        told = [
            line
            for line in warnings(caplog, ours, folder)
            if "top layer" in line
        ]
        assert len(told) == (constant > 0.5)
    assert told[0].startswith("epoch 2: 67% of the top layer's units have")
    # A checkpoint can hold what it has counted.
    callback = callbacks.ChainHealth(tmp_path, V)
    callback.set_model(ours)
    callback.on_train_begin()
    callback.on_epoch_end(0)
    state = json.loads(json.dumps(callback.get_state()))
    assert state["times_top_constant"] == 1
    callback.on_train_end()


def test_without_training_examples(tmp_path):
    ours = persistent(Oracle.draw(5, 4, seed=3))
    values = measured(tmp_path, ours, v_train=None)
    assert set(values) == CHAINS | MACHINE - {"2 Likelihood/validation_gap"}
    mean = np.asarray(ours.fantasy_particles).mean(0)
    expected = np.sqrt(np.mean((mean - V.mean(0)) ** 2))
    assert values["3 Chains/distance"] == pytest.approx(expected)


def test_grey_values_will_do(tmp_path):
    grey = np.random.default_rng(0).random((30, 5)).astype("float32")
    ours = persistent(Oracle.draw(5, 4, seed=3))
    assert set(measured(tmp_path, ours, grey, grey)) == CHAINS | MACHINE


def test_a_diverged_model_is_not_measured(tmp_path):
    ours = persistent(Oracle.draw(5, 4, seed=3))
    ours.kernel.assign(np.full((5, 4), np.inf))
    assert measured(tmp_path, ours) == {}


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"every": 0}, "`every` must be a positive integer"),
        ({"num_sweeps": 0}, "`num_sweeps` must be a positive integer"),
        ({"seed": 0.5}, "`seed` must be an integer"),
        ({"v": V[:, :3]}, "`v` must have shape"),
        ({"v_train": 2 * X}, "`v_train` must hold finite values"),
    ],
)
def test_bad_arguments(tmp_path, argument, message):
    ours = machines.rbm(Oracle.draw(5, 4, seed=3))
    with pytest.raises(ValueError, match=message):
        measured(tmp_path, ours, **argument)
