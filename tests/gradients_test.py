import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import gradients
from keras_rbm import machine as machine_lib
from tests.machines import machine, rounding
from tests.oracle import Oracle, divergence

ORACLE = Oracle.draw(5, 4, seed=1)
# Averages of products of numbers up to 1, over up to 64 rows.
CLOSE = {"rtol": 0, "atol": rounding("float64", 1.0, 64)}


@pytest.fixture
def samples():
    """Data (in between 0 and 1) and model samples (states, repeated)."""
    rng = np.random.default_rng(0)
    return rng.random((9, 5)), rng.integers(0, 2, (64, 5)).astype("float64")


def gap_and_slopes(oracle, v, v_model, sample_weight=None, model_weight=None):
    """The gap and its gradients with respect to W, b and c."""
    parts = machine(oracle, "float64")
    parameters = [
        parts.kernel,
        parts.visible_params["bias"],
        parts.hidden_params["bias"],
    ]
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        gap, _ = gradients.free_energy_gap(
            machine_of(parts, parameters),
            *map(tf.constant, (v, v_model)),
            *phases(v, v_model, sample_weight, model_weight),
        )
    return gap.numpy(), [x.numpy() for x in tape.gradient(gap, parameters)]


def phases(v, v_model, sample_weight=None, model_weight=None):
    """Weights of both phases, of those of examples and of samples."""
    if sample_weight is None and model_weight is None:
        return None, None
    weight = np.ones(len(v)) if sample_weight is None else sample_weight
    model = np.ones(len(v_model)) if model_weight is None else model_weight
    negative = model * np.mean(weight) / np.sum(model)
    return tf.constant(weight / len(v)), tf.constant(negative)


def machine_of(machine, parameters):
    kernel, visible_bias, hidden_bias = parameters
    return machine._replace(
        kernel=kernel,
        visible_params={"bias": visible_bias},
        hidden_params={"bias": hidden_bias},
    )


def test_the_gap_is_that_of_mean_free_energies(samples):
    v, v_model = samples
    gap, _ = gap_and_slopes(ORACLE, v, v_model)
    expected = ORACLE.free_energy(v).mean() - ORACLE.free_energy(v_model).mean()
    assert gap == pytest.approx(expected, abs=20 * CLOSE["atol"])


def test_the_gradient_is_a_difference_of_moments(samples):
    v, v_model = samples
    _, slopes = gap_and_slopes(ORACLE, v, v_model)
    data = ORACLE.moments(v, np.full(9, 1 / 9))
    model = ORACLE.moments(v_model, np.full(64, 1 / 64))
    for slope, d, m in zip(slopes, data, model, strict=True):
        np.testing.assert_allclose(slope, m - d, **CLOSE)


def test_weights_scale_the_examples_and_the_model_term(samples):
    v, v_model = samples
    weights = np.random.default_rng(1).random(9) * 3
    weights[4] = 0.0
    gap, slopes = gap_and_slopes(ORACLE, v, v_model, weights)
    expected = np.mean(weights * ORACLE.free_energy(v)) - np.mean(
        weights
    ) * np.mean(ORACLE.free_energy(v_model))
    assert gap == pytest.approx(expected, abs=60 * CLOSE["atol"])
    data = ORACLE.moments(v, weights / 9)
    model = ORACLE.moments(v_model, np.full(64, weights.mean() / 64))
    for slope, d, m in zip(slopes, data, model, strict=True):
        np.testing.assert_allclose(slope, m - d, **CLOSE)


def test_weights_of_one_are_no_weights(samples):
    gap, slopes = gap_and_slopes(ORACLE, *samples)
    same, same_slopes = gap_and_slopes(ORACLE, *samples, np.ones(9))
    assert same == pytest.approx(gap, abs=20 * CLOSE["atol"])
    for x, y in zip(slopes, same_slopes, strict=True):
        np.testing.assert_allclose(x, y, **CLOSE)


def test_the_samples_are_constants(samples):
    v, v_model = map(tf.constant, samples)
    with tf.GradientTape() as tape:
        tape.watch([v, v_model])
        gap, _ = gradients.free_energy_gap(
            machine(ORACLE, "float64"), v, v_model
        )
    assert tape.gradient(gap, [v, v_model]) == [None, None]


@pytest.mark.parametrize("total", [1.0, 7.0])
def test_samples_of_the_model_may_have_weights(samples, total):
    v, v_model = samples
    rng = np.random.default_rng(7)
    weights, p = rng.random(9), rng.dirichlet(np.ones(64))
    gap, slopes = gap_and_slopes(ORACLE, v, v_model, weights, total * p)
    expected = np.mean(weights * ORACLE.free_energy(v)) - np.mean(
        weights
    ) * np.sum(p * ORACLE.free_energy(v_model))
    assert gap == pytest.approx(expected, abs=60 * CLOSE["atol"])
    data = ORACLE.moments(v, weights / 9)
    model = ORACLE.moments(v_model, weights.mean() * p)
    for slope, d, m in zip(slopes, data, model, strict=True):
        np.testing.assert_allclose(slope, m - d, **CLOSE)


def test_weights_of_both_phases_are_constants(samples):
    v, v_model = map(tf.constant, samples)
    weights = tf.ones(9, tf.float64) / 9, tf.ones(64, tf.float64) / 64
    with tf.GradientTape() as tape:
        tape.watch(weights)
        gap, _ = gradients.free_energy_gap(
            machine(ORACLE, "float64"), v, v_model, *weights
        )
    assert tape.gradient(gap, weights) == (None, None)


def test_the_inputs_of_both_phases_come_too(samples):
    v, v_model = samples
    machine_ = machine(ORACLE, "float64")
    _, inputs = gradients.free_energy_gap(
        machine_, tf.constant(v), tf.constant(v_model)
    )
    np.testing.assert_allclose(
        inputs, np.concatenate(samples) @ ORACLE.kernel, rtol=1e-12
    )


def test_the_batch_may_have_any_size(samples):
    v, v_model = (tf.constant(x, tf.float32) for x in samples)
    rows = tf.TensorSpec((None, 5), tf.float32)

    @tf.function(input_signature=[rows, rows])
    def gap(v, v_model):
        return gradients.free_energy_gap(machine(ORACLE), v, v_model)[0]

    expected = gradients.free_energy_gap(machine(ORACLE), v, v_model)[0]
    # Free energies up to 20, of which 73 are averaged.
    error = rounding("float32", 20.0, 73)
    assert float(gap(v, v_model)) == pytest.approx(float(expected), abs=error)


def exact_gap(machine, data):
    """sum_v (p_data(v) - p(v)) F(v): the exact negative phase."""
    states = tf.constant(ORACLE.visible_states)
    p = tf.nn.softmax(-machine_lib.free_energy(machine, states))
    return gradients.free_energy_gap(machine, states, states, data, p)[0]


def slopes_of_exact_gap(parameters, data):
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        gap = exact_gap(
            machine_of(machine(ORACLE, "float64"), parameters), data
        )
    return tape.gradient(gap, parameters)


@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_with_all_states_it_is_the_gradient_of_the_likelihood(beta):
    data = np.random.default_rng(2).dirichlet(np.ones(32))
    oracle = Oracle(
        ORACLE.kernel, ORACLE.visible_bias, ORACLE.hidden_bias, beta
    )
    parts = machine(ORACLE, "float64")
    parameters = [
        parts.kernel,
        parts.visible_params["bias"],
        parts.hidden_params["bias"],
    ]
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        scaled = machine_lib.scale(machine_of(parts, parameters), beta)
        gap = exact_gap(scaled, data)
    slopes = tape.gradient(gap, parameters)
    expected = oracle.gradient(oracle.visible_states, data)
    for slope, x in zip(slopes, expected, strict=True):
        np.testing.assert_allclose(slope, x, **CLOSE)


@pytest.fixture
def slopes():
    """Any gradient, and offsets."""
    rng = np.random.default_rng(3)
    shapes = ((5, 4), (5,), (4,), (5,), (4,))
    return [tf.constant(rng.normal(size=shape)) for shape in shapes]


SCALES = pytest.mark.parametrize(
    "scale", [None, np.array([0.2, 1.0, 0.7, 0.09, 0.4])], ids=["", "scaled"]
)


@SCALES
def test_center_is_the_formula(slopes, scale):
    kernel, b, c, mu, lam = (x.numpy() for x in slopes)
    expected = kernel - np.outer(b, lam) - np.outer(mu, c)
    if scale is not None:
        expected = expected / scale[:, None]
    actual = gradients.center(*slopes, scale)
    # Sums of some 10 products of three normal numbers.
    close = {"rtol": 0, "atol": rounding("float64", 30.0, 10)}
    np.testing.assert_allclose(actual[0], expected, **close)
    np.testing.assert_allclose(actual[1], b - expected @ lam, **close)
    np.testing.assert_allclose(actual[2], c - expected.T @ mu, **close)


@SCALES
def test_center_is_a_step_in_the_centred_parameters(slopes, scale):
    """sqrt(s) W, b + W lambda, c + W'mu: down in these, and then back."""
    rng = np.random.default_rng(4)
    start = [ORACLE.kernel, ORACLE.visible_bias, ORACLE.hidden_bias]
    mu, lam = rng.random(5), rng.random(4)
    data = rng.dirichlet(np.ones(32))
    root = np.sqrt(np.ones(5) if scale is None else scale)[:, None]

    def centred(kernel, b, c):
        return kernel * root, b + kernel @ lam, c + mu @ kernel

    def plain(kernel, b, c):
        kernel = kernel / root
        column, row = tf.constant(lam)[:, None], tf.constant(mu)[None]
        return [
            kernel,
            b - tf.matmul(kernel, column)[:, 0],
            c - tf.matmul(row, kernel)[0],
        ]

    coordinates = [tf.constant(x) for x in centred(*start)]
    with tf.GradientTape() as tape:
        tape.watch(coordinates)
        gap = exact_gap(
            machine_of(machine(ORACLE, "float64"), plain(*coordinates)), data
        )
    step = tape.gradient(gap, coordinates)
    moved = plain(*(x - s for x, s in zip(coordinates, step, strict=True)))
    expected = [s - m for s, m in zip(start, moved, strict=True)]

    parameters = [tf.constant(x) for x in start]
    actual = gradients.center(
        *slopes_of_exact_gap(parameters, data),
        tf.constant(mu),
        tf.constant(lam),
        scale,
    )
    for x, y in zip(actual, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=20 * CLOSE["atol"])


def test_offsets_of_zero_change_nothing(slopes):
    zeros = tf.zeros(5, tf.float64), tf.zeros(4, tf.float64)
    for x, y in zip(
        gradients.center(*slopes[:3], *zeros), slopes, strict=False
    ):
        np.testing.assert_array_equal(x, y)


def bimodal_law():
    """p(v) of a machine that favours no state of any one unit."""
    kernel = Oracle.draw(5, 2, scale=3.0).kernel
    return Oracle(kernel, -kernel.sum(1) / 2, -kernel.sum(0) / 2).p_visible


@pytest.mark.parametrize("centered", [False, True])
def test_learning_recovers_a_teacher(centered):
    teacher = bimodal_law()
    mean = teacher @ ORACLE.visible_states
    rng = np.random.default_rng(5)
    parameters = [
        tf.constant(0.01 * rng.normal(size=(5, 4))),
        tf.constant(np.log(mean / (1 - mean))),
        tf.zeros(4, tf.float64),
    ]
    mu, lam = tf.constant(mean), tf.fill(4, tf.constant(0.5, tf.float64))

    @tf.function(jit_compile=True)
    def learn(kernel, b, c):
        for _ in tf.range(4000):
            slopes = slopes_of_exact_gap([kernel, b, c], teacher)
            if centered:
                slopes = gradients.center(*slopes, mu, lam)
            kernel, b, c = (
                x - 0.5 * s for x, s in zip((kernel, b, c), slopes, strict=True)
            )
        return kernel, b, c

    def distance(parameters):
        student = Oracle(*(x.numpy() for x in parameters))
        return divergence(teacher, student.log_p_visible)

    start = distance(parameters)
    end = distance(learn(*parameters))
    assert start > 0.3
    assert end < 0.01 * start
