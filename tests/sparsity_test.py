import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import (
    RBM,
    CrossEntropySparsity,
    ExactChain,
    SquaredSparsity,
    replicas,
)
from tests.machines import Given, data, given, rbm, rounding, weights
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=1)
CLASSES = [SquaredSparsity, CrossEntropySparsity]
WEIGHTS = [None, np.linspace(0, 2, 48)]


def penalty(regularizer, q):
    """The formula, in NumPy."""
    p, strength = regularizer.target, regularizer.strength
    if isinstance(regularizer, SquaredSparsity):
        return strength * np.sum((p - q) ** 2)
    return -strength * np.sum(p * np.log(q) + (1 - p) * np.log(1 - q))


def finite_differences(function, parameters, step=1e-5):
    """Central differences of a function of several arrays."""
    slopes = []
    for i, x in enumerate(parameters):
        slope = np.empty_like(x)
        for place in np.ndindex(x.shape):
            ends = []
            for sign in (1, -1):
                moved = [np.array(y) for y in parameters]
                moved[i][place] += sign * step
                ends.append(function(*moved))
            slope[place] = (ends[0] - ends[1]) / (2 * step)
        slopes.append(slope)
    return slopes


@pytest.mark.parametrize("cls", CLASSES)
def test_the_penalty_is_the_formula(cls):
    regularizer = cls(0.1, 3.0)
    q = np.random.default_rng(0).random(7)
    # The cross entropy looks at q a ten-millionth off.
    error = 7 * 3.0 * 1e-7 * (1 / q + 1 / (1 - q)).max()
    assert float(regularizer(tf.constant(q))) == pytest.approx(
        penalty(regularizer, q), abs=error
    )


@pytest.mark.parametrize("cls", CLASSES)
def test_the_penalty_is_smallest_at_the_target(cls):
    regularizer = cls(0.3, 2.0)
    slopes = []
    for value in (0.1, 0.3, 0.5):
        q = tf.fill((4,), tf.constant(value, tf.float64))
        with tf.GradientTape() as tape:
            tape.watch(q)
            value = regularizer(q)
        slopes.append(tape.gradient(value, q).numpy())
    assert (slopes[0] < 0).all()
    assert (slopes[2] > 0).all()
    # Of slopes up to 2 / (q (1 - q)) = 10, with q a ten-millionth off.
    np.testing.assert_allclose(slopes[1], 0, atol=10 * 1e-7)


def test_hintons_slope_is_the_distance_of_the_activity():
    """By the input of a unit that has the same from all examples."""
    inputs = tf.constant(np.linspace(-4, 4, 9))
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = CrossEntropySparsity(0.2, 3.0)(tf.sigmoid(inputs))
    q = tf.sigmoid(inputs).numpy()
    # The cross entropy looks at q a ten-millionth off.
    np.testing.assert_allclose(
        tape.gradient(value, inputs),
        3.0 * (q - 0.2),
        rtol=0,
        atol=3.0 * 1e-7 / (q * (1 - q)).min(),
    )


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("value", [-200.0, 200.0])
def test_units_that_are_always_off_or_on_leave_finite_slopes(cls, value):
    inputs = tf.fill((3,), value)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        penalty = cls(0.1)(tf.sigmoid(inputs))
    assert np.isfinite(penalty)
    assert np.isfinite(tape.gradient(penalty, inputs)).all()


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("weight", WEIGHTS, ids=["", "weighted"])
@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_an_update_follows_the_penalty_too(cls, weight, beta):
    oracle = Oracle(
        ORACLE.kernel, ORACLE.visible_bias, ORACLE.hidden_bias, beta
    )
    regularizer = cls(0.1, 2.0)
    model = given(
        oracle, hidden_activity_regularizer=regularizer, dtype="float64"
    )
    model.fit(
        data(),
        batch_size=48,
        sample_weight=weight,
        epochs=1,
        verbose=0,
        shuffle=False,
    )

    def objective(*parameters):
        moved = Oracle(*parameters, beta)
        q = np.average(moved.hidden_mean(data()), axis=0, weights=weight)
        w = np.ones(48) if weight is None else weight
        return (
            np.mean(w * moved.free_energy(data()))
            - np.mean(w) * np.mean(moved.free_energy(Given.v_model))
            + penalty(regularizer, q)
        )

    start = [oracle.kernel, oracle.visible_bias, oracle.hidden_bias]
    slopes = finite_differences(objective, start)
    # The optimizer's rate is float32. Differences of objectives up to 100, in
    # float64, are divided by the step; that q is a ten-millionth off weighs
    # 1 / q^2 in the cross entropy.
    q = oracle.hidden_mean(data()).mean(axis=0)
    error = rounding("float32", 1.0) + rounding("float64", 100.0) / 1e-5
    error += 2.0 * 1e-7 / np.minimum(q, 1 - q).min() ** 2
    for x, y, slope in zip(weights(model), start, slopes, strict=True):
        np.testing.assert_allclose(x, y - 0.1 * slope, rtol=0, atol=error)
    plain = given(oracle, dtype="float64")
    plain.fit(
        data(),
        batch_size=48,
        sample_weight=weight,
        epochs=1,
        verbose=0,
        shuffle=False,
    )
    assert np.abs(plain.kernel - model.kernel).max() > 10 * error


def test_examples_of_weight_0_have_no_activity():
    x = data(16)
    padded = np.concatenate([x, np.ones((16, 5), "float32")])
    model = rbm(ORACLE, hidden_activity_regularizer=SquaredSparsity(0.1, 2.0))

    def value(v, weight):
        inputs = tf.matmul(v, model.kernel.value)
        return float(
            model.parameters.activity_penalty(
                model.machine(), inputs, replicas.batch(v, weight)
            )
        )

    alone = value(x, None)
    error = rounding("float32", 2.0, 32)
    weight = tf.constant(np.repeat([3.0, 0.0], 16))
    assert value(padded, weight) == pytest.approx(alone, abs=error)
    assert abs(value(padded, None) - alone) > 100 * error
    # And where all have none, there is no activity to be seen.
    assert np.isfinite(value(padded, 0 * weight))


def test_keras_regularizers_take_mean_activities_too():
    model = rbm(ORACLE, hidden_activity_regularizer=keras.regularizers.L1(0.5))
    inputs = tf.matmul(data(), model.kernel.value)
    batch = replicas.batch(data())
    value = model.parameters.activity_penalty(model.machine(), inputs, batch)
    assert float(value) == pytest.approx(
        0.5 * ORACLE.hidden_mean(data()).mean(axis=0).sum(),
        abs=rounding("float32", 2.0, 50),
    )


@pytest.mark.parametrize(
    ("regularizer", "jit_compile"),
    [
        (SquaredSparsity(0.2, 30.0), False),
        pytest.param(
            CrossEntropySparsity(0.2, 5.0), True, marks=pytest.mark.slow
        ),
    ],
    ids=["squared", "cross_entropy"],
)
def test_training_brings_the_activity_to_the_target(regularizer, jit_compile):
    """With exact gradients; one of them in the compiled loop."""
    teacher = Oracle.draw(5, 2, seed=3)
    model = RBM(
        5, 4, ExactChain(), hidden_activity_regularizer=regularizer, seed=0
    )
    model.compile(
        keras.optimizers.SGD(0.1),
        steps_per_execution=50,
        jit_compile=jit_compile,
    )
    v = teacher.visible_states.astype("float32")
    weight = 32 * teacher.p_visible.astype("float32")
    dataset = tf.data.Dataset.from_tensors((v, v, weight)).repeat()
    model.fit(dataset, steps_per_epoch=300, verbose=0)
    q = teacher.p_visible @ model(v).numpy()
    start = teacher.p_visible @ RBM(5, 4, seed=0)(v).numpy()
    # Nine tenths of the way at least: the likelihood pulls too.
    np.testing.assert_array_less(np.abs(q - 0.2), 0.1 * np.abs(start - 0.2))


@pytest.mark.parametrize("cls", CLASSES)
def test_it_is_saved_with_the_model(cls, tmp_path):
    model = RBM(5, 4, hidden_activity_regularizer=cls(0.2, 3.0))
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    regularizer = copy.parameters.hidden_activity_regularizer
    assert type(regularizer) is cls
    assert regularizer.get_config() == {"target": 0.2, "strength": 3.0}


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(cls, dtype):
    models = [
        rbm(
            ORACLE,
            chain=Given(),
            hidden_activity_regularizer=cls(0.1, 2.0),
            dtype=policy,
        )
        for policy in (dtype, "float32")
    ]
    for model in models:
        model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
        model.fit(data(), batch_size=48, epochs=1, verbose=0, shuffle=False)
    for x, y in zip(*map(weights, models), strict=True):
        # Slopes up to 3, at activities and energies of bfloat16.
        np.testing.assert_allclose(
            x, y, rtol=0, atol=0.1 * rounding("bfloat16", 3.0, 5)
        )


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": 0.0}, r"`target` .* Received: target=0.0"),
        ({"target": 1}, "`target` must be a number between 0 and 1"),
        ({"target": np.nan}, "`target` must be a number between 0 and 1"),
        ({"target": "0.1"}, "`target` must be a number between 0 and 1"),
        ({"strength": 0}, r"`strength` must be positive.* strength=0"),
        ({"strength": np.inf}, "`strength` must be positive"),
        ({"strength": True}, "`strength` must be positive"),
    ],
)
def test_bad_arguments(cls, arguments, message):
    with pytest.raises(ValueError, match=message):
        cls(**arguments)


@pytest.mark.parametrize("cls", CLASSES)
def test_config_round_trip(cls):
    regularizer = cls(0.125, 0.75)
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(regularizer)
    )
    assert type(copy) is cls
    assert copy.get_config() == {"target": 0.125, "strength": 0.75}
