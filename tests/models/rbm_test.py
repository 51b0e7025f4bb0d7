"""An RBM: its arguments, its start, one update, and what it learns."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import (
    RBM,
    Bernoulli,
    Chain,
    ClassRBM,
    ContrastiveDivergence,
    DeepBoltzmannMachine,
    ExactChain,
    PersistentChain,
)
from tests.machines import (
    Given,
    assert_law,
    assert_same_states,
    batches,
    data,
    exact_draws,
    given,
    oracle_of,
    rbm,
    rounding,
    weights,
)
from tests.oracle import Oracle, all_states, divergence, entropy

ORACLE = Oracle.draw(5, 4, seed=1)


def test_defaults():
    model = RBM(5, 4)
    assert model.visible == Bernoulli(5)
    assert model.hidden == Bernoulli(4)
    assert isinstance(model.chain, PersistentChain)
    assert model.chain.num_chains == 200
    assert int(model.chain.num_sweeps) == 2
    assert model.inverse_temperature == 1.0
    assert model.built
    assert not model.visible_params["bias"].numpy().any()
    assert not model.hidden_params["bias"].numpy().any()
    assert int(model.updates) == 0


def test_the_kernel_starts_with_inputs_of_size_one():
    for shape in ((100, 80), (80, 100)):
        kernel = RBM(*shape, seed=1).kernel.numpy().astype("float64").ravel()
        count = kernel.size
        assert abs(kernel.mean()) < 4 * 0.1 / np.sqrt(count)
        assert abs(kernel.std() - 0.1) < 4 * 0.1 / np.sqrt(2 * count)


def test_seeds_decide_the_start():
    models = [RBM(5, 4, PersistentChain(50), seed=s) for s in (1, 1, 2)]
    kernels = [model.kernel.numpy() for model in models]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert (kernels[0] != kernels[2]).all()
    particles = [model.chain.particles.numpy() for model in models]
    np.testing.assert_array_equal(particles[0], particles[1])
    assert (particles[0] != particles[2]).any()


def test_without_a_seed_keras_decides():
    seeds = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        seeds.append(RBM(5, 4).seed)
        assert RBM(5, 4).seed != seeds[-1]
    assert seeds[0] == seeds[1] != seeds[2]


def test_initializers_take_effect():
    model = RBM(
        5,
        4,
        kernel_initializer=keras.initializers.Constant(0.5),
        visible_bias_initializer=keras.initializers.Constant(-1.0),
        hidden_bias_initializer="ones",
        seed=0,
    )
    for variable, value in (
        (model.kernel, 0.5),
        (model.visible_params["bias"], -1.0),
        (model.hidden_params["bias"], 1.0),
    ):
        np.testing.assert_array_equal(
            variable.numpy(), np.full(variable.shape, value)
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"visible": 0}, "`visible` must be a positive integer"),
        ({"visible": 2.5}, "`visible` must be a positive integer"),
        ({"visible": "5"}, "`visible` must be a positive integer"),
        ({"visible": True}, "`visible` must be a positive integer"),
        ({"hidden": -1}, "`hidden` must be a positive integer"),
        ({"hidden": None}, "`hidden` must be a positive integer"),
        ({"chain": "pcd"}, "`chain` must be a Chain"),
        ({"chain": 10}, "`chain` must be a Chain"),
        ({"chain": PersistentChain}, "`chain` must be a Chain"),
        ({"inverse_temperature": 0.0}, "`inverse_temperature` must be pos"),
        ({"inverse_temperature": -1.0}, "`inverse_temperature` must be pos"),
        ({"inverse_temperature": np.nan}, "`inverse_temperature` must be pos"),
        ({"inverse_temperature": np.inf}, "`inverse_temperature` must be pos"),
        ({"inverse_temperature": "1"}, "`inverse_temperature` must be pos"),
        ({"inverse_temperature": None}, "`inverse_temperature` must be pos"),
        ({"inverse_temperature": True}, "`inverse_temperature` must be pos"),
        ({"seed": -1}, "`seed` must be an integer"),
        ({"seed": 2**64}, "`seed` must be an integer"),
        ({"seed": 0.5}, "`seed` must be an integer"),
        ({"kernel_initializer": "no_such"}, "no_such"),
        ({"kernel_regularizer": "no_such"}, "no_such"),
        ({"kernel_constraint": "no_such"}, "no_such"),
        ({"hidden_activity_regularizer": "no_such"}, "no_such"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        RBM(**{"visible": 5, "hidden": 4, **arguments})


def test_numpy_integers_are_integers():
    model = RBM(np.int64(5), np.int32(4), seed=np.uint32(3))
    assert model.visible == Bernoulli(5)
    assert model.seed == 3


def test_fantasy_particles_are_draws_of_v():
    model = rbm(ORACLE, chain=PersistentChain(50_000))
    rng = np.random.default_rng(0)
    model.chain.particles.assign(
        exact_draws(rng, ORACLE.p_hidden, ORACLE.hidden_states, 50_000)
    )
    particles = model.fantasy_particles
    assert_law(particles, ORACLE.p_visible)
    # Looking at them changes nothing.
    np.testing.assert_array_equal(model.fantasy_particles, particles)
    forgetful = rbm(ORACLE, chain=ContrastiveDivergence())
    assert forgetful.fantasy_particles is None


def pulled(**kwargs):
    """A model whose data and samples are the same, after an update."""

    class Echo(Chain):
        def advance(self, machine, v_data, stream):
            return v_data

        samples = advance

    model = rbm(ORACLE, chain=Echo(), **kwargs)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    model.train_on_batch(data())
    return model


def test_without_a_regularizer_nothing_pulls():
    np.testing.assert_allclose(
        pulled().kernel.numpy(),
        ORACLE.kernel,
        rtol=0,
        atol=rounding("float32", 3.0, 5),
    )


# Slopes of l2 W^2 and of l1 |W|.
PULLS = {
    "l2": (keras.regularizers.L2(0.5), 2 * 0.5 * ORACLE.kernel),
    "l1": (keras.regularizers.L1(0.5), 0.5 * np.sign(ORACLE.kernel)),
}


@pytest.mark.parametrize("kind", PULLS)
@pytest.mark.parametrize("centered", [False, True])
def test_regularizers_pull_the_kernel(kind, centered):
    """A step down in the parameters W, b + W lambda and c + W'mu."""
    regularizer, slope = PULLS[kind]
    model = pulled(kernel_regularizer=regularizer, centered=centered)
    mu, lam = np.zeros(5), np.zeros(4)
    if centered:
        mu, lam = model.offsets.visible.numpy(), model.offsets.hidden.numpy()
        assert mu.all()
        assert lam.all()
    expected = (
        ORACLE.kernel - 0.1 * slope,
        ORACLE.visible_bias + 0.1 * slope @ lam,
        ORACLE.hidden_bias + 0.1 * mu @ slope,
    )
    actual = (
        model.kernel,
        model.visible_params["bias"],
        model.hidden_params["bias"],
    )
    for x, y in zip(actual, expected, strict=True):
        np.testing.assert_allclose(
            x, y, rtol=0, atol=rounding("float32", 3.0, 20)
        )


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_max_norm_holds_after_every_update(optimizer):
    """Of what comes into a hidden unit; smaller norms are left alone."""
    bound = np.median(np.linalg.norm(ORACLE.kernel, axis=0))
    model = rbm(
        ORACLE, kernel_constraint=keras.constraints.MaxNorm(bound, axis=0)
    )
    free = rbm(ORACLE)
    for model_ in (model, free):
        model_.compile(
            keras.optimizers.get(optimizer).__class__(0.05), run_eagerly=True
        )
    error = rounding("float32", bound, 10)
    for update in range(3):
        for model_ in (model, free):
            model_.train_on_batch(data())
        norms = np.linalg.norm(model.kernel.numpy(), axis=0)
        np.testing.assert_array_less(norms, bound + error)
        if update == 0:
            unbound = np.linalg.norm(free.kernel.numpy(), axis=0)
            np.testing.assert_allclose(
                norms, np.minimum(unbound, bound), rtol=0, atol=error
            )
            assert 0 < (unbound > bound).sum() < 4


# The start of a model from the mean of the data.


@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_adapt_gives_the_units_the_mean_of_the_data(beta):
    model = RBM(5, 4, PersistentChain(20_000), inverse_temperature=beta, seed=0)
    before = model.chain.particles.numpy()
    model.adapt(data())
    mean = data().mean(axis=0)
    np.testing.assert_allclose(
        beta * model.visible_params["bias"].numpy(),
        np.log(mean / (1 - mean)),
        atol=rounding("float32", 2.0),
    )
    # The particles are drawn afresh, from the units of that mean.
    assert (model.chain.particles.numpy() != before).any()
    oracle = oracle_of(model)
    alone = Oracle(np.zeros((5, 4)), oracle.visible_bias, np.zeros(4), beta)
    np.testing.assert_allclose(
        alone.p_visible @ alone.visible_states, mean, atol=1e-6
    )
    assert_law(
        model.chain.particles,
        alone.p_visible @ oracle.p_hidden_given(oracle.visible_states),
    )


def test_adapt_takes_data_sets():
    first, second = RBM(5, 4, seed=0), RBM(5, 4, seed=0)
    first.adapt(data())
    second.adapt(tf.data.Dataset.from_tensor_slices(data()).batch(10))
    assert_same_states(first, second)


def test_adapt_weighs_the_examples():
    weight = np.random.default_rng(0).random(48).astype("float32")
    mean = np.average(data().astype("float64"), axis=0, weights=weight)
    columns = data(), np.zeros(48), weight
    dataset = tf.data.Dataset.from_tensor_slices(columns).batch(10)
    for arguments in ((data(), weight), (dataset,)):
        model = RBM(5, 4, seed=0)
        model.adapt(*arguments)
        np.testing.assert_allclose(
            model.visible_params["bias"],
            np.log(mean / (1 - mean)),
            atol=rounding("float32", 2.0),
        )
        np.testing.assert_allclose(
            model.offsets.visible, mean, atol=rounding("float32", 1.0)
        )
    # And so does the first `fit`.
    model = still()
    fit(model, data(), sample_weight=weight)
    np.testing.assert_allclose(
        model.visible_params["bias"],
        np.log(mean / (1 - mean)),
        atol=rounding("float32", 2.0),
    )


def test_adapt_leaves_a_bias_with_an_initializer():
    model = RBM(5, 4, visible_bias_initializer="ones", seed=0)
    model.adapt(data())
    np.testing.assert_array_equal(
        model.visible_params["bias"].numpy(), np.ones(5)
    )
    np.testing.assert_allclose(
        model.offsets.visible.numpy(), data().mean(axis=0), rtol=1e-6
    )


def test_adapt_refuses_bad_data():
    model = RBM(5, 4, PersistentChain(7), seed=0)
    before = [variable.numpy() for variable in model.variables]
    for x in (data() + 0.5, data()[:, :4], data()[:0], data() * np.nan):
        with pytest.raises(ValueError, match="`x` must"):
            model.adapt(x)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def still(**kwargs):
    """A model that `fit` does not change, but for `adapt`."""
    model = RBM(5, 4, **{"seed": 0, **kwargs})
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    return model


def fit(model, x, **kwargs):
    options = {
        "batch_size": 16,
        "epochs": 1,
        "verbose": 0,
        "shuffle": False,
        **kwargs,
    }
    return model.fit(x, **options)


def test_the_first_fit_adapts_and_no_other():
    model, expected = still(), still()
    fit(model, data())
    expected.adapt(data())
    bias = expected.visible_params["bias"].numpy()
    assert bias.any()
    np.testing.assert_array_equal(model.visible_params["bias"].numpy(), bias)
    fit(model, 1.0 - data())
    np.testing.assert_array_equal(model.visible_params["bias"].numpy(), bias)


def test_fit_does_not_adapt_a_bias_with_an_initializer():
    model = still(visible_bias_initializer="zeros")
    fit(model, data())
    assert not model.visible_params["bias"].numpy().any()
    # The offsets start from the data all the same, and 3 updates move them
    # by a hundredth each.
    np.testing.assert_allclose(
        model.offsets.visible.numpy(), data().mean(axis=0), rtol=0, atol=0.03
    )


def test_fit_does_not_adapt_parameters_that_were_set():
    model, other = still(), still(seed=1)
    other.adapt(data())
    model.set_weights(other.get_weights())
    fit(model, 1.0 - data())
    np.testing.assert_array_equal(
        model.visible_params["bias"].numpy(),
        other.visible_params["bias"].numpy(),
    )


def test_fit_does_not_adapt_after_an_update():
    model = still()
    model.train_on_batch(data())
    assert not model.visible_params["bias"].numpy().any()
    fit(model, data())
    assert not model.visible_params["bias"].numpy().any()


def test_the_mean_of_the_data_is_kept_also_where_the_bias_is_given():
    model = RBM(5, 4, seed=0)
    model.visible_params["bias"].assign([1.0, 2.0, 3.0, 4.0, 5.0])
    x = data(64)
    model.prepare(x)
    np.testing.assert_allclose(model.data_mean, x.mean(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(model.visible_params["bias"][0], 1.0)


# One update of the parameters, against enumeration.


# Means of some 50 energies up to 20.
ERROR = rounding("float32", 20.0, 50)


def assert_close(first, second):
    for x, y in zip(first, second, strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=ERROR)


def assert_differ(first, second):
    for x, y in zip(first, second, strict=True):
        assert np.abs(x - y).max() > 10 * ERROR


def test_an_update_follows_the_moments():
    model = given(ORACLE)
    model.fit(data(), batch_size=48, epochs=1, verbose=0)
    d = ORACLE.moments(data(), np.full(48, 1 / 48))
    m = ORACLE.moments(Given.v_model, np.full(20, 1 / 20))
    start = ORACLE.kernel, ORACLE.visible_bias, ORACLE.hidden_bias
    expected = [x + 0.1 * (a - b) for x, a, b in zip(start, d, m, strict=True)]
    assert_close(weights(model), expected)


def test_momentum_keeps_a_velocity():
    """v <- 0.5 v - 0.1 g, and then a step of v."""
    model = given(ORACLE, optimizer=keras.optimizers.SGD(0.1, momentum=0.5))
    parameters = [ORACLE.kernel, ORACLE.visible_bias, ORACLE.hidden_bias]
    velocities = [0.0, 0.0, 0.0]
    for _ in range(3):
        model.train_on_batch(data())
        oracle = Oracle(*parameters)
        d = oracle.moments(data(), np.full(48, 1 / 48))
        m = oracle.moments(Given.v_model, np.full(20, 1 / 20))
        velocities = [
            0.5 * v + 0.1 * (a - b)
            for v, a, b in zip(velocities, d, m, strict=True)
        ]
        parameters = [
            x + v for x, v in zip(parameters, velocities, strict=True)
        ]
        assert_close(weights(model), parameters)


def test_a_schedule_gives_each_update_its_learning_rate():
    rates = [0.4, 0.1, 0.025]
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([0, 1], rates)
    model = given(ORACLE, optimizer=keras.optimizers.SGD(schedule))
    parameters = [ORACLE.kernel, ORACLE.visible_bias, ORACLE.hidden_bias]
    for rate in rates:
        model.train_on_batch(data())
        oracle = Oracle(*parameters)
        d = oracle.moments(data(), np.full(48, 1 / 48))
        m = oracle.moments(Given.v_model, np.full(20, 1 / 20))
        parameters = [
            x + rate * (a - b) for x, a, b in zip(parameters, d, m, strict=True)
        ]
        assert_close(weights(model), parameters)


def test_the_inverse_temperature_scales_the_gradient():
    model = given(ORACLE, inverse_temperature=0.5)
    model.fit(data(), batch_size=48, epochs=1, verbose=0)
    warm = Oracle(ORACLE.kernel, ORACLE.visible_bias, ORACLE.hidden_bias, 0.5)
    d = warm.moments(data(), np.full(48, 1 / 48))
    m = warm.moments(Given.v_model, np.full(20, 1 / 20))
    expected = [
        x + 0.1 * 0.5 * (a - b)
        for x, a, b in zip(
            (warm.kernel, warm.visible_bias, warm.hidden_bias),
            d,
            m,
            strict=True,
        )
    ]
    assert_close(weights(model), expected)


def test_the_last_batch_may_be_smaller():
    model, by_hand = given(ORACLE), given(ORACLE)
    x = data(43)
    model.fit(x, batch_size=10, epochs=1, verbose=0, shuffle=False)
    for start in range(0, 43, 10):
        by_hand.train_on_batch(x[start : start + 10])
    assert int(model.updates) == 5
    assert_close(weights(model), weights(by_hand))


def test_the_last_batch_may_be_smaller_in_a_graph():
    model, by_hand = given(ORACLE), given(ORACLE)
    model.compile(keras.optimizers.SGD(0.1))
    x = data(23)
    model.fit(x, batch_size=10, epochs=1, verbose=0, shuffle=False)
    for start in (0, 10, 20):
        by_hand.train_on_batch(x[start : start + 10])
    assert_close(weights(model), weights(by_hand))


WEIGHT = np.linspace(0, 2, 48)


def learned(x, *args, centered=False, **kwargs):
    """The weights after an epoch of two updates."""
    model = given(ORACLE, centered)
    if not isinstance(x, tf.data.Dataset):
        kwargs |= {"batch_size": 24, "shuffle": False}
    model.fit(x, *args, epochs=1, verbose=0, **kwargs)
    assert int(model.updates) == 2
    return weights(model)


@pytest.fixture(scope="module")
def plain():
    """What examples without targets and without weights teach."""
    return learned(data())


@pytest.fixture(scope="module")
def weighted():
    """What the same examples teach with `WEIGHT`."""
    return learned(data(), sample_weight=WEIGHT)


def test_data_sets_are_arrays(plain, weighted):
    x, targets = data(), np.zeros(48)
    assert_close(learned(batches(x, size=24)), plain)
    assert_close(learned(batches(x, targets, size=24)), plain)
    assert_close(learned(batches(x, targets, WEIGHT, size=24)), weighted)


def test_a_data_set_without_end_needs_a_number_of_steps():
    model = given(ORACLE)
    model.fit(batches(data()).repeat(), steps_per_epoch=4, epochs=2, verbose=0)
    assert int(model.updates) == 8


@pytest.mark.parametrize("kind", ["tensor", "uint8", "bool", "float64"])
def test_kinds_of_arrays(plain, kind):
    x = tf.constant(data()) if kind == "tensor" else data().astype(kind)
    assert_close(learned(x), plain)


@pytest.mark.parametrize("centered", [False, True])
def test_equal_weights_are_no_weights(plain, centered):
    without = learned(data(), centered=True) if centered else plain
    equal = learned(data(), centered=centered, sample_weight=np.ones(48))
    assert_close(equal, without)


@pytest.mark.parametrize("centered", [False, True])
def test_examples_of_weight_0_are_not_there(centered):
    """But that the sum of the others is divided by the number of all."""
    x = data(16)
    padded = np.concatenate([x, np.ones((16, 5), "float32")])
    alone = given(ORACLE, centered)
    weighted = given(ORACLE, centered, keras.optimizers.SGD(0.2))
    for _ in range(3):
        alone.train_on_batch(x)
        weighted.train_on_batch(
            padded, np.zeros(32), sample_weight=np.repeat([1.0, 0.0], 16)
        )
    assert_differ(weights(alone), weights(given(ORACLE)))
    assert_close(weights(weighted), weights(alone))


def test_a_weight_of_2_is_the_example_twice():
    x = data(16)
    weight = np.where(np.arange(16) < 6, 2.0, 1.0)
    twice = np.concatenate([x[:6], x])
    first = given(ORACLE, optimizer=keras.optimizers.SGD(0.1 * 22 / 16))
    second = given(ORACLE, optimizer=keras.optimizers.SGD(0.1))
    first.train_on_batch(twice)
    second.train_on_batch(x, np.zeros(16), sample_weight=weight)
    assert_close(weights(first), weights(second))


def test_weights_do_not_need_targets(plain, weighted):
    targets = np.zeros(48)
    with_targets = learned(data(), targets, sample_weight=WEIGHT)
    assert_close(with_targets, weighted)
    assert_differ(weighted, plain)


# Small machines learn what they are taught.


def bimodal(hidden=2):
    """A machine that favours no state of any one unit."""
    kernel = Oracle.draw(5, hidden, scale=3.0).kernel
    return Oracle(kernel, -kernel.sum(1) / 2, -kernel.sum(0) / 2)


@pytest.mark.slow
def test_with_the_exact_negative_phase_it_recovers_a_teacher():
    """Without any sampling error: its distribution, if not its parameters."""
    teacher = bimodal().p_visible
    x = all_states(5).astype("float32")
    weight = (32 * teacher).astype("float32")
    model = RBM(5, 4, ExactChain(), seed=0)
    optimizer = keras.optimizers.SGD(0.5, momentum=0.9)
    model.compile(optimizer, steps_per_execution=100)
    model.adapt(x, weight)

    def distance():
        return divergence(teacher, oracle_of(model).log_p_visible)

    start = distance()
    dataset = tf.data.Dataset.from_tensors((x, x, weight)).cache().repeat()
    model.fit(dataset, steps_per_epoch=1000, verbose=0)
    assert start > 0.3
    assert distance() < 0.001 * start
    # Which is what the mean log-likelihood lacks to minus the entropy.
    mean = teacher @ oracle_of(model).log_likelihood(x)
    assert mean == pytest.approx(-entropy(teacher), abs=0.001 * start)


def bars_and_stripes(size=3):
    """All pictures of bars or of stripes, once each."""
    lines = all_states(size)
    bars = np.repeat(lines, size, axis=0).reshape(-1, size, size)
    pictures = np.concatenate([bars, bars.transpose(0, 2, 1)])
    return np.unique(pictures.reshape(-1, size * size), axis=0)


@pytest.mark.slow
def test_persistent_chains_learn_bars_and_stripes():
    x = bars_and_stripes().astype("float32")
    assert len(x) == 14
    model = RBM(
        9,
        8,
        PersistentChain(200, 5),
        # So small that at the start all states have the same probability.
        kernel_initializer=keras.initializers.RandomNormal(0.0, 0.01, 1),
        seed=1,
    )
    model.compile(keras.optimizers.SGD(0.3), steps_per_execution=100)
    model.adapt(x)
    start = oracle_of(model).log_likelihood(x).mean()
    # Every unit is on half the time: 9 bits.
    assert start == pytest.approx(-9 * np.log(2), abs=0.01)
    dataset = tf.data.Dataset.from_tensors(x).cache().repeat()
    model.fit(dataset, steps_per_epoch=1500, verbose=0)
    end = oracle_of(model).log_likelihood(x).mean()
    # At best log(1 / 14) = -2.64: most of the way there.
    assert end > start + 0.8 * (-np.log(14) - start)


def stepped(**kwargs):
    """A model after one step of plain descent, from the oracle's parameters."""
    rng = np.random.default_rng(8)
    x = (rng.random((40, 5)) < [0.02, 0.1, 0.5, 0.9, 0.4]).astype("float32")
    model = rbm(ORACLE, chain=ContrastiveDivergence(1), seed=3, **kwargs)
    model.prepare(x)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    model.train_on_batch(x)
    return model, x


def test_a_standardized_step_of_rare_units_is_longer():
    plain, x = stepped()
    standardized, _ = stepped(standardized=True)
    moved, further = (
        model.kernel.numpy() - ORACLE.kernel for model in (plain, standardized)
    )
    share = x.var(axis=0) / x.var(axis=0).max()
    scale = (share + 0.1) / 1.1
    assert scale.min() < 0.5
    np.testing.assert_allclose(
        further, moved / scale[:, None], rtol=0, atol=1e-5
    )
    np.testing.assert_allclose(standardized.visible_scale(), scale, rtol=1e-5)


def test_the_rate_of_a_standardized_model_is_that_of_standardized_states():
    rng = np.random.default_rng(8)
    x = (rng.random((500, 5)) < [0.02, 0.1, 0.5, 0.9, 0.4]).astype("float32")
    x = np.repeat(x, 3, axis=1)
    rates = []
    for standardized in (False, True):
        model = RBM(15, 4, standardized=standardized, seed=0)
        model.compile(run_eagerly=True)
        model.fit(x, updates=1, verbose=0)
        rates.append(float(model.optimizer.learning_rate))
    states = x / np.sqrt(model.visible_scale())
    largest = np.linalg.eigvalsh(np.cov(states.T, bias=True))[-1]
    assert rates[1] == pytest.approx(0.3 / largest, rel=1e-3)
    assert rates[1] < rates[0]


@pytest.mark.parametrize(
    "make",
    [
        lambda: RBM(5, 4, standardized=True),
        lambda: ClassRBM(3, 2, 4, standardized=True),
        lambda: DeepBoltzmannMachine(5, 4, 3, standardized=True),
    ],
    ids=["RBM", "ClassRBM", "DeepBoltzmannMachine"],
)
def test_a_standardized_model_is_saved_as_such(make, tmp_path):
    model = make()
    model.data_variance.assign(np.linspace(0.01, 0.25, model.visible.width))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.standardized
    np.testing.assert_array_equal(loaded.visible_scale(), model.visible_scale())
    assert RBM(5, 4).visible_scale() is None


def test_constant_data_have_no_scale():
    model = RBM(5, 4, standardized=True)
    np.testing.assert_array_equal(model.visible_scale(), np.ones(5))
    model.data_variance.assign(np.zeros(5))
    np.testing.assert_allclose(model.visible_scale(), np.ones(5), rtol=1e-6)


def test_standardized_without_centred_is_refused():
    with pytest.raises(ValueError, match="leave `centered=True`"):
        RBM(5, 4, centered=False, standardized=True)


@pytest.mark.parametrize("name", ["centered", "standardized"])
def test_a_text_is_no_boolean(name):
    with pytest.raises(ValueError, match=f"{name}='False'"):
        RBM(5, 4, **{name: "False"})
