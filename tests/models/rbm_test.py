import keras
import numpy as np
import pytest

from keras_rbm import (
    RBM,
    Bernoulli,
    Chain,
    ContrastiveDivergence,
    PersistentChain,
)
from tests.machines import (
    assert_law,
    data,
    exact_draws,
    rbm,
    rounding,
)
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=1)


def test_defaults():
    model = RBM(5, 4)
    assert model.visible == Bernoulli(5)
    assert model.hidden == Bernoulli(4)
    assert isinstance(model.chain, ContrastiveDivergence)
    assert int(model.chain.num_sweeps) == 1
    assert model.inverse_temperature == 1.0
    assert model.built
    assert not model.visible_params["bias"].numpy().any()
    assert not model.hidden_params["bias"].numpy().any()
    assert int(model.updates) == 0


def test_the_kernel_starts_small():
    kernel = RBM(100, 80, seed=1).kernel.numpy().astype("float64").ravel()
    count = kernel.size
    assert abs(kernel.mean()) < 4 * 0.01 / np.sqrt(count)
    assert abs(kernel.std() - 0.01) < 4 * 0.01 / np.sqrt(2 * count)


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
    assert rbm(ORACLE).fantasy_particles is None


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
