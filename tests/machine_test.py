import json

import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import Bernoulli, Composite, Gaussian, Softmax, Spin
from keras_rbm import machine as machine_lib
from keras_rbm.machine import Machine
from tests.machines import machine, rounding
from tests.oracle import Oracle, all_states, log_sum_exp

ORACLE = Oracle.draw(5, 4, seed=1)
# Bound for the size of the sums here, and for how many terms they have.
SCALE, TERMS = 20.0, 32


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture
def close(dtype):
    def assert_close(actual, expected):
        assert actual.dtype == dtype
        np.testing.assert_allclose(
            actual, expected, rtol=0, atol=rounding(dtype, SCALE, TERMS)
        )

    return assert_close


@pytest.fixture
def pairs():
    """All v and, in the same rows, all h."""
    v, h = ORACLE.visible_states, ORACLE.hidden_states
    return np.repeat(v, len(h), axis=0), np.tile(h, (len(v), 1))


@pytest.fixture
def real_v():
    """States in between, as grey values are."""
    return np.random.default_rng(2).random((7, 5))


def test_energy(dtype, close, pairs):
    v, h = (tf.constant(x, dtype) for x in pairs)
    close(
        machine_lib.energy(machine(ORACLE, dtype), v, h), ORACLE.energy(*pairs)
    )


def test_free_energy(dtype, close, real_v):
    v = np.concatenate([ORACLE.visible_states, real_v])
    close(
        machine_lib.free_energy(machine(ORACLE, dtype), tf.constant(v, dtype)),
        ORACLE.free_energy(v),
    )


def test_free_energy_with_its_inputs_known(dtype, real_v):
    machine_, v = machine(ORACLE, dtype), tf.constant(real_v, dtype)
    inputs = machine_lib.hidden_inputs(machine_, v)
    np.testing.assert_array_equal(
        machine_lib.free_energy(machine_, v, inputs),
        machine_lib.free_energy(machine_, v),
    )


def test_free_energy_sums_the_energy_over_hidden_states(dtype, close, pairs):
    machine_ = machine(ORACLE, dtype)
    v, h = (tf.constant(x, dtype) for x in pairs)
    energies = machine_lib.energy(machine_, v, h).numpy().reshape(32, 16)
    close(
        machine_lib.free_energy(machine_, v[::16]),
        -log_sum_exp(-energies, axis=1),
    )


def test_free_energy_of_strong_couplings(dtype):
    oracle = Oracle.draw(5, 4, seed=1, scale=1e3)
    v = oracle.visible_states
    expected = oracle.free_energy(v)
    actual = machine_lib.free_energy(
        machine(oracle, dtype), tf.constant(v, dtype)
    )
    np.testing.assert_allclose(
        actual, expected, rtol=0, atol=rounding(dtype, 1e3 * SCALE, TERMS)
    )


def test_inputs(dtype, close, real_v):
    machine_ = machine(ORACLE, dtype)
    h = all_states(4)
    close(
        machine_lib.hidden_inputs(machine_, tf.constant(real_v, dtype)),
        real_v @ ORACLE.kernel,
    )
    close(
        machine_lib.visible_inputs(machine_, tf.constant(h, dtype)),
        h @ ORACLE.kernel.T,
    )


def test_means(dtype, close, real_v):
    machine_ = machine(ORACLE, dtype)
    close(
        machine_lib.hidden_mean(machine_, tf.constant(real_v, dtype)),
        ORACLE.hidden_mean(real_v),
    )
    h = np.random.default_rng(3).random((6, 4))
    close(
        machine_lib.visible_mean(machine_, tf.constant(h, dtype)),
        ORACLE.visible_mean(h),
    )


def test_flip_swaps_the_sides(dtype, close, pairs):
    machine_ = machine(ORACLE, dtype)
    flipped = machine_lib.flip(machine_)
    # The free energy of the flipped machine is the law of h.
    h = tf.constant(ORACLE.hidden_states, dtype)
    log_p = -machine_lib.free_energy(flipped, h).numpy() - ORACLE.log_z
    np.testing.assert_allclose(
        np.exp(log_p),
        ORACLE.p_hidden,
        rtol=rounding(dtype, SCALE, TERMS),
    )
    v, h = (tf.constant(x, dtype) for x in pairs)
    close(machine_lib.energy(flipped, h, v), ORACLE.energy(*pairs))
    again = machine_lib.flip(flipped)
    assert again._replace(kernel=0) == machine_._replace(kernel=0)
    np.testing.assert_array_equal(again.kernel, machine_.kernel)


@pytest.mark.parametrize("beta", [0.25, 3.0])
def test_scale_is_an_inverse_temperature(dtype, close, pairs, beta):
    cold = Oracle(ORACLE.kernel, ORACLE.visible_bias, ORACLE.hidden_bias, beta)
    scaled = machine_lib.scale(machine(ORACLE, dtype), beta)
    v, h = (tf.constant(x, dtype) for x in pairs)
    close(machine_lib.energy(scaled, v, h), cold.energy(*pairs))
    # p(v) ~ exp(-F(v)) is the law at that temperature.
    weights = np.exp(-machine_lib.free_energy(scaled, v[::16]).numpy())
    np.testing.assert_allclose(
        weights / weights.sum(),
        cold.p_visible,
        rtol=2 * rounding(dtype, SCALE, TERMS),
    )


def test_scale_by_a_tensor(real_v):
    machine_, v = machine(ORACLE), tf.constant(real_v, tf.float32)
    np.testing.assert_array_equal(
        machine_lib.free_energy(
            machine_lib.scale(machine_, tf.constant(0.5)), v
        ),
        machine_lib.free_energy(machine_lib.scale(machine_, 0.5), v),
    )


def test_a_bfloat16_kernel_keeps_the_dtype_of_the_parameters(real_v):
    machine_ = machine(ORACLE)
    machine_ = machine_._replace(kernel=tf.cast(machine_.kernel, tf.bfloat16))
    v = tf.constant(real_v, tf.float32)
    h = machine_lib.hidden_mean(machine_, v)
    results = [
        (machine_lib.hidden_inputs(machine_, v), real_v @ ORACLE.kernel),
        (machine_lib.free_energy(machine_, v), ORACLE.free_energy(real_v)),
        (h, ORACLE.hidden_mean(real_v)),
        (machine_lib.visible_mean(machine_, h), ORACLE.visible_mean(h)),
    ]
    for actual, expected in results:
        assert actual.dtype == tf.float32
        # Each of 5 products of numbers up to 3 is rounded to 8 bits; the
        # free energy adds 4 of those sums.
        np.testing.assert_allclose(
            actual, expected, rtol=0, atol=rounding("bfloat16", 3.0, 4 * 5)
        )
        # It has in fact been taken in bfloat16.
        assert np.abs(actual - expected).max() > rounding("float32", SCALE, 1)


def coupled(beta):
    """The oracle with that strength of the coupling."""
    return Oracle(beta * ORACLE.kernel, ORACLE.visible_bias, ORACLE.hidden_bias)


@pytest.mark.parametrize(
    ("beta", "kind"),
    [
        *((beta, float) for beta in (0.0, 0.3, 1.0, 2.0)),
        (2, int),
        (0.3, np.float64),
        (0.3, lambda beta: tf.constant(beta, "float64")),
        (0.25, tf.constant),
    ],
)
def test_beta_is_the_strength_of_the_coupling(
    dtype, close, pairs, real_v, beta, kind
):
    machine_ = machine(ORACLE, dtype)._replace(beta=kind(beta))
    oracle = coupled(beta)
    v, h = (tf.constant(x, dtype) for x in pairs)
    close(machine_lib.energy(machine_, v, h), oracle.energy(*pairs))
    x = tf.constant(real_v, dtype)
    close(machine_lib.free_energy(machine_, x), oracle.free_energy(real_v))
    close(machine_lib.hidden_mean(machine_, x), oracle.hidden_mean(real_v))
    h = tf.constant(ORACLE.hidden_states, dtype)
    close(
        machine_lib.visible_mean(machine_, h),
        oracle.visible_mean(ORACLE.hidden_states),
    )


def test_beta_may_be_a_column(dtype, close, pairs, real_v):
    beta = np.linspace(0.0, 2.0, len(real_v))
    column = tf.constant(beta[:, None], dtype)
    machine_ = machine(ORACLE, dtype)._replace(beta=column)
    v, h = (x[: len(real_v)] for x in pairs)
    rows = [coupled(b) for b in beta]
    close(
        machine_lib.energy(
            machine_, tf.constant(v, dtype), tf.constant(h, dtype)
        ),
        [o.energy(v[[i]], h[[i]])[0] for i, o in enumerate(rows)],
    )
    close(
        machine_lib.free_energy(machine_, tf.constant(real_v, dtype)),
        [o.free_energy(real_v[[i]])[0] for i, o in enumerate(rows)],
    )
    # The same from below, with the sides swapped.
    flipped = machine_lib.flip(machine_)
    assert flipped.beta is column
    close(
        machine_lib.hidden_mean(flipped, tf.constant(h, dtype)),
        [o.visible_mean(h[[i]])[0] for i, o in enumerate(rows)],
    )


def test_without_coupling_the_visible_units_have_the_mean(dtype):
    mean = np.array([0.1, 0.3, 0.5, 0.7, 0.95])
    machine_ = machine(ORACLE, dtype)
    base = machine_lib.decouple(machine_, mean)
    assert base.beta == 0.0
    assert base.visible_params["bias"].dtype == dtype
    v = tf.constant(ORACLE.visible_states, dtype)
    log_p = (
        -machine_lib.free_energy(base, v)
        - machine_lib.log_partition_decoupled(base)
    ).numpy()
    states = ORACLE.visible_states
    expected = states @ np.log(mean) + (1 - states) @ np.log1p(-mean)
    np.testing.assert_allclose(
        log_p, expected, rtol=0, atol=rounding(dtype, SCALE, TERMS)
    )
    half = machine_lib.hidden_mean(base, v)
    np.testing.assert_array_equal(half, np.full((32, 4), 0.5))


def test_log_partition_without_coupling(dtype, close):
    machine_ = machine(ORACLE, dtype)._replace(beta=0.0)
    close(machine_lib.log_partition_decoupled(machine_), coupled(0.0).log_z)


def annealed(base, beta):
    """The oracle on the way from the base."""
    visible, hidden = (
        params["bias"].numpy().astype("float64")
        for params in (base.visible_params, base.hidden_params)
    )
    return Oracle(
        beta * ORACLE.kernel,
        (1 - beta) * visible + beta * ORACLE.visible_bias,
        (1 - beta) * hidden + beta * ORACLE.hidden_bias,
    )


@pytest.mark.parametrize("beta", [0.0, 0.4, 1.0])
def test_anneal_leads_from_the_base_to_the_machine(dtype, close, pairs, beta):
    machine_ = machine(ORACLE, dtype)
    base = machine_lib.decouple(machine_, np.full(5, 0.3))
    between = machine_lib.anneal(base, machine_, beta)
    assert between.kernel is machine_.kernel
    v, h = (tf.constant(x, dtype) for x in pairs)
    oracle = annealed(base, beta)
    close(machine_lib.energy(between, v, h), oracle.energy(*pairs))
    # p(v, h) ~ p_base^(1 - beta) p_machine^beta.
    close(
        machine_lib.energy(between, v, h),
        (1 - beta) * machine_lib.energy(base, v, h)
        + beta * machine_lib.energy(machine_, v, h),
    )
    for end, at in ((base, 0.0), (machine_, 1.0)):
        if beta == at:
            np.testing.assert_array_equal(
                machine_lib.energy(between, v, h),
                machine_lib.energy(end, v, h),
            )


def test_anneal_by_a_column(dtype, close, real_v):
    machine_ = machine(ORACLE, dtype)
    base = machine_lib.decouple(machine_, np.full(5, 0.3))
    beta = np.linspace(0.0, 1.0, len(real_v))
    between = machine_lib.anneal(
        base, machine_, tf.constant(beta[:, None], dtype)
    )
    assert between.visible_params["bias"].shape == (len(real_v), 5)
    x = tf.constant(real_v, dtype)
    rows = [annealed(base, b) for b in beta]
    close(
        machine_lib.free_energy(between, x),
        [o.free_energy(real_v[[i]])[0] for i, o in enumerate(rows)],
    )
    close(
        machine_lib.hidden_mean(between, x),
        [o.hidden_mean(real_v[[i]])[0] for i, o in enumerate(rows)],
    )


def test_anneal_keeps_the_strength_of_the_coupling(dtype, close, pairs):
    machine_ = machine(ORACLE, dtype)._replace(beta=0.5)
    base = machine_lib.decouple(machine_, np.full(5, 0.3))
    between = machine_lib.anneal(base, machine_, 0.4)
    v, h = (tf.constant(x, dtype) for x in pairs)
    close(
        machine_lib.energy(between, v, h),
        0.6 * machine_lib.energy(base, v, h)
        + 0.4 * machine_lib.energy(machine_, v, h),
    )


@pytest.mark.parametrize("beta", [0.5, tf.constant([[0.5], [2.0]])])
def test_cast_changes_the_dtype_alone(beta):
    machine_ = machine(ORACLE)._replace(beta=beta)
    wide = machine_lib.cast(machine_, "float64")
    assert machine_lib.dtype(wide) == wide.kernel.dtype == "float64"
    assert wide.visible_params["bias"].dtype == "float64"
    for x, y in zip(
        tf.nest.flatten(machine_[2:]), tf.nest.flatten(wide[2:]), strict=True
    ):
        np.testing.assert_array_equal(x, y)
    again = machine_lib.cast(wide, "float32")
    np.testing.assert_array_equal(again.kernel, machine_.kernel)
    v = tf.constant(ORACLE.visible_states[:2])
    base = machine_lib.decouple(wide, np.full(5, 0.3))
    half = tf.constant(0.5, "float64")
    between = machine_lib.anneal(base, wide, half)
    assert machine_lib.free_energy(between, v).dtype == "float64"


def test_what_is_not_learned_stays_in_the_base():
    """A fixed precision, at an inverse temperature that scales it."""
    units = Gaussian(3, precision=2.0)
    params = {
        "bias": tf.constant([1.0, 2.0, 3.0]),
        "precision": tf.fill([3], 2.0),
    }
    target = machine_lib.scale(
        Machine(
            units, Bernoulli(2), tf.zeros((3, 2)), params, {"bias": tf.zeros(2)}
        ),
        2.0,
    )
    mean = np.array([0.5, -1.0, 2.0])
    base = machine_lib.decouple(target, mean, np.full(3, 9.0))
    np.testing.assert_array_equal(base.visible_params["precision"], 4.0)
    found = units.mean(tf.zeros((1, 3)), base.visible_params)[0]
    np.testing.assert_allclose(found, mean, rtol=1e-6)
    both = Composite(units, Bernoulli(2))
    inside = both.base_parameters(
        np.append(mean, [0.5, 0.5]),
        np.ones(5),
        {
            "bias": np.zeros(5),
            "0_precision": target.visible_params["precision"],
        },
    )
    np.testing.assert_array_equal(inside["0_precision"], 4.0)


def test_a_machine_comes_back_from_its_config():
    target = machine(Oracle.draw(5, 4, seed=1))
    config = json.loads(
        json.dumps(machine_lib.get_config(target._replace(beta=0.5)))
    )
    again = machine_lib.from_config(config)
    assert again[:2] == target[:2]
    assert again.beta == 1.0
    np.testing.assert_array_equal(again.kernel, 0.5 * target.kernel)
    tf.nest.map_structure(
        np.testing.assert_array_equal, again[3:5], target[3:5]
    )


def test_a_machine_of_half_precision_comes_back_from_its_config():
    target = machine(Oracle.draw(5, 4, seed=1))
    target = target._replace(kernel=tf.cast(target.kernel, "bfloat16"))
    again = machine_lib.from_config(machine_lib.get_config(target))
    assert again.kernel.dtype == "bfloat16"
    assert again.visible_params["bias"].dtype == "float32"
    assert machine_lib.are_equal([again], [target])


@pytest.mark.parametrize(
    ("visible", "hidden"),
    [
        (Softmax(2, 3), Bernoulli(2)),
        (Composite(Bernoulli(1), Softmax(2, 3)), Softmax(1, 3)),
        (
            Composite(Bernoulli(1), Composite(Spin(1), Softmax(2, 3))),
            Bernoulli(2),
        ),
        (Bernoulli(3), Bernoulli(2)),
    ],
    ids=str,
)
def test_the_zero_sum_gauge_changes_no_probability(visible, hidden):
    rng = np.random.default_rng(0)

    def draw(*shape):
        return tf.constant(rng.normal(size=shape))

    drawn = Machine(
        visible,
        hidden,
        draw(visible.width, hidden.width),
        {"bias": draw(visible.width)},
        {"bias": draw(hidden.width)},
        beta=0.7,
    )
    found = machine_lib.zero_sum(drawn)
    v = tf.cast(
        visible.joint_states(range(visible.num_joint_states)), "float64"
    )
    h = tf.cast(hidden.joint_states(range(hidden.num_joint_states)), "float64")
    pairs = tf.repeat(v, len(h), axis=0), tf.tile(h, (len(v), 1))
    change = machine_lib.energy(found, *pairs) - machine_lib.energy(
        drawn, *pairs
    )
    np.testing.assert_allclose(change, change[0], atol=1e-12)
    if isinstance(visible, Bernoulli):
        np.testing.assert_allclose(found.kernel, 0.7 * drawn.kernel)
        return
    kernel = found.kernel[-6:].numpy().reshape(2, 3, -1)
    np.testing.assert_allclose(kernel.sum(axis=1), 0, atol=1e-12)
    bias = found.visible_params["bias"][-6:].numpy().reshape(2, 3)
    np.testing.assert_allclose(bias.sum(axis=1), 0, atol=1e-12)
    if isinstance(hidden, Softmax):
        np.testing.assert_allclose(
            found.kernel.numpy().sum(axis=1), 0, atol=1e-12
        )
