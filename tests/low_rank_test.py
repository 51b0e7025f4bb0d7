import keras
import numpy as np
import pytest

from keras_rbm import (
    RBM,
    Binomial,
    ClassRBM,
    ContrastiveDivergence,
    Gaussian,
    PersistentChain,
    Softmax,
    SpectralBound,
    Spin,
    Tempered,
    low_rank,
)
from tests import machines

WIDTH = 40


def draw(count, shares, seed=0, width=WIDTH):
    """Clusters of columns that are 1 with probability 0.95 or 0.05."""
    rng = np.random.default_rng(seed)
    rows = centres(len(shares), width)[rng.choice(len(shares), count, p=shares)]
    return (rows ^ (rng.random(rows.shape) < 0.05)).astype("float32")


def centres(count, width=WIDTH):
    return np.random.default_rng(1).random((count, width)) < 0.5


def shares_of(v, count):
    """Shares of the rows that are nearest to each centre."""
    distances = (np.asarray(v)[:, None] != centres(count)).sum(axis=-1)
    return np.bincount(distances.argmin(axis=1), minlength=count) / len(v)


def model_shares(model, count, draws=4000):
    """The same of exact draws, by enumeration of the hidden states."""
    # In NumPy; the oracle would enumerate the visible states too.
    kernel, b, c = (
        parameter.numpy().astype("float64")
        for parameter in (
            model.kernel,
            model.visible_params["bias"],
            model.hidden_params["bias"],
        )
    )
    states = (np.arange(2 ** len(c))[:, None] >> np.arange(len(c))) & 1
    inputs = b + states @ kernel.T
    log_p = states @ c + np.logaddexp(0, inputs).sum(axis=1)
    p = np.exp(log_p - np.logaddexp.reduce(log_p))
    rng = np.random.default_rng(0)
    chosen = inputs[rng.choice(len(p), draws, p=p)]
    u = rng.random(chosen.shape)
    return shares_of(u < 1 / (1 + np.exp(-chosen)), count)


def assert_shares(found, expected, draws):
    """Within four standard errors."""
    error = np.sqrt(np.multiply(expected, np.subtract(1, expected)) / draws)
    np.testing.assert_array_less(
        np.abs(np.subtract(found, expected)), 4 * error
    )


def test_the_start_has_the_clusters_with_their_shares():
    shares = (0.2, 0.5, 0.3)
    x = draw(1000, shares)
    model = RBM(WIDTH, 8, PersistentChain(400), seed=0)
    found = low_rank.start(model, x, rank=2)
    expected = shares_of(x, 3)
    assert_shares(model_shares(model, 3), expected, 1000)
    assert_shares(shares_of(model.fantasy_particles, 3), expected, 400)
    assert_shares(shares_of(found.log_partition.particles, 3), expected, 1000)
    assert found.num_units == 6
    # Independent columns within clusters: what is lost is less than a nat.
    near = (x[:, None] != centres(3)).sum(axis=-1)
    log_p = near * np.log(0.05) + (WIDTH - near) * np.log(0.95)
    best = np.logaddexp.reduce(log_p + np.log(shares), axis=1).mean()
    assert best - 1 < found.log_likelihood < best + 0.5
    exact = model.log_partition("exact").log_z
    estimate = found.log_partition
    assert estimate.standard_error < 0.01
    assert abs(estimate.log_z - exact) < 4 * estimate.standard_error + 1e-4
    assert model.data_mean.numpy() == pytest.approx(x.mean(axis=0))
    assert model.offsets.visible.numpy() == pytest.approx(x.mean(axis=0))


@pytest.mark.slow
def test_training_loses_less_of_the_shares_than_from_a_plain_start():
    x = draw(1000, (0.5, 0.5))
    away, likelihoods = [], []
    for begin in (lambda model: low_rank.start(model, x, rank=1), None):
        model = RBM(WIDTH, 6, PersistentChain(100), seed=0)
        if begin is not None:
            begin(model)
        rate = keras.optimizers.schedules.PolynomialDecay(0.05, 400, 0.0)
        model.compile(keras.optimizers.SGD(rate))
        model.fit(x, updates=400, verbose=0)
        away.append(abs(model_shares(model, 2)[0] - shares_of(x, 2)[0]))
        likelihoods.append(model.log_likelihood(x, method="exact").lower)
    low, plain = away
    # Chains that do not move still lose a share: 0.23 and 0.40 here.
    assert low < 0.3 < plain
    assert likelihoods[0] > likelihoods[1] + 0.4


@pytest.mark.parametrize(
    ("visible", "hidden", "beta"),
    [
        (12, Spin(3), 2.0),
        (Spin(12), 3, 1.0),
        (Softmax(4, 3), 3, 1.0),
        (Binomial(12, 2), 3, 1.0),
    ],
)
def test_the_kernel_has_low_rank_and_log_z_is_exact(visible, hidden, beta):
    model = RBM(visible, hidden, inverse_temperature=beta, seed=0)
    rng = np.random.default_rng(0)
    x = (rng.random((2, 12)) < 0.5)[rng.integers(2, size=200)]
    x = x ^ (rng.random(x.shape) < 0.1)
    if isinstance(visible, Softmax):
        x = np.eye(3)[x.reshape(200, 4, 3).argmax(axis=2)].reshape(200, 12)
    elif isinstance(visible, Spin):
        x = 2.0 * x - 1
    elif isinstance(visible, Binomial):
        x = x * (1 + (rng.random(x.shape) < 0.5))
    x = x.astype("float32")
    found = low_rank.start(model, x, rank=1)
    exact = model.log_partition("exact").log_z
    assert found.log_partition.log_z == pytest.approx(exact, abs=1e-5)
    assert found.log_partition.standard_error == 0
    sizes = np.linalg.svd(model.kernel.numpy(), compute_uv=False)
    assert sizes[1] < 1e-5 * sizes[0]
    ours = model.log_likelihood(x, method="exact").lower
    # Parameters are rounded to float32.
    assert found.log_likelihood == pytest.approx(ours, abs=1e-4)
    model.visible.check_states(found.log_partition.particles, "v")
    baseline = model.log_likelihood(x, method="exact").baseline
    assert ours > baseline


def test_the_same_seed_gives_the_same_start_with_all_chains():
    x = draw(200, (0.5, 0.5))
    for chain in (lambda: PersistentChain(20, sampler=Tempered(3)), None):
        models = []
        for seed in (3, 3, 4):
            made = ContrastiveDivergence() if chain is None else chain()
            models.append(RBM(WIDTH, 5, made, seed=0))
            low_rank.start(models[-1], x, rank=1, num_units=2, seed=seed)
        first, again, other = models
        machines.assert_same_states(first, again)
        assert np.any(first.kernel.numpy() != other.kernel.numpy())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": ClassRBM(4, 3, 5)}, "`model` must be an RBM"),
        ({"model": RBM(4, Softmax(1, 3))}, "hidden units of type Bernoulli"),
        ({"model": RBM(Gaussian(4), 3)}, "`model` must have bounded visible"),
        (
            {"model": RBM(4, 3, visible_bias_initializer="zeros")},
            "must have no `visible_bias_initializer`",
        ),
        (
            {"model": RBM(4, 3, kernel_constraint=SpectralBound(1.0))},
            "must have no `kernel_constraint`",
        ),
        ({"x": np.ones((8, 5))}, "`x` must be an array of shape"),
        ({"x": np.full((8, 4), 0.5)}, "`x` must hold"),
        ({"x": np.ones((8, 4))}, "`rank` must be at most the number of axes"),
        ({"rank": 5}, "`rank` must be at most 4"),
        ({"rank": 0}, "`rank` must be a positive"),
        ({"num_units": 4}, "`num_units` must be at most"),
        ({"noise": -1}, "`noise` must be a finite number"),
        ({"seed": -1}, "`seed` must be an integer"),
    ],
)
def test_bad_arguments_are_refused(change, message):
    x = np.random.default_rng(0).integers(0, 2, (8, 4)).astype("float32")
    arguments = {"model": RBM(4, 3, seed=0), "x": x} | change
    with pytest.raises(ValueError, match=message):
        low_rank.start(**arguments)


def test_a_trained_model_is_refused():
    model = RBM(4, 3, seed=0)
    model.updates.assign(1)
    with pytest.raises(ValueError, match="`model` must be untrained"):
        low_rank.start(model, np.eye(4))


def test_chains_start_where_they_are_told():
    model = RBM(4, 3, PersistentChain(5), seed=0)
    model.kernel.assign(np.zeros((4, 3)))
    with pytest.raises(ValueError, match="a row for each of the 5 chains"):
        model.start_chain(np.ones((4, 4)))
    model.hidden_params["bias"].assign([-30.0, 30.0, 30.0])
    model.start_chain(np.ones((6, 4)))
    kept = model.chain.particles.numpy()
    np.testing.assert_array_equal(kept, np.tile([0.0, 1.0, 1.0], (5, 1)))
