import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import RBM, AutoSGD, optimizers, units
from keras_rbm import data as data_lib
from tests.machines import data


def started(optimizer, **kwargs):
    """An optimizer for one kernel, as `fit` starts it."""
    kernel = keras.Variable(np.array([[2.0, -1.0], [0.0, 4.0]]), name="kernel")
    optimizer.build([kernel])
    options = {"done": 0, "updates": 4, "rate": 0.2, "examples": 800}
    optimizer.begin(**{**options, "width": 20, **kwargs})
    return kernel


def test_the_rate_falls_on_a_line_to_0():
    optimizer = AutoSGD()
    kernel = started(optimizer)
    values = [kernel.numpy()]
    for _ in range(6):
        optimizer.apply([np.ones((2, 2))], [kernel])
        values.append(kernel.numpy())
    steps = -np.diff(np.array(values), axis=0)[:, 0, 0]
    np.testing.assert_allclose(
        steps, 0.2 * np.array([1, 0.75, 0.5, 0.25, 0, 0]), atol=1e-6
    )


def test_a_run_that_is_resumed_goes_on_where_it_stood():
    optimizer = AutoSGD(learning_rate=0.4)
    kernel = started(optimizer, done=2)
    before = kernel.numpy()
    optimizer.apply([np.ones((2, 2))], [kernel])
    np.testing.assert_allclose(before - kernel.numpy(), 0.2, rtol=1e-6)


def test_without_a_length_the_rate_stays():
    optimizer = AutoSGD()
    kernel = started(optimizer, updates=0)
    before = kernel.numpy()
    for _ in range(3):
        optimizer.apply([np.ones((2, 2))], [kernel])
    np.testing.assert_allclose(before - kernel.numpy(), 0.6, rtol=1e-6)


@pytest.mark.parametrize(
    ("examples", "width", "l1", "l2"),
    [
        (800, 20, 20 * 20 / 800, 30 * 20 / 800),
        (400, 500, 2.0, 10.0),  # At most.
        (100, 500, 2.0 / 16, 10.0 / 16),  # Few examples.
    ],
)
def test_the_penalty_follows_the_data(examples, width, l1, l2):
    optimizer = AutoSGD()
    kernel = started(optimizer, examples=examples, width=width)
    found = optimizer.penalty_of(kernel.value)
    expected = (l1 * 7.0 + l2 / 2 * 21.0) / examples
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_the_penalty_may_be_given():
    optimizer = AutoSGD(l1=3.0, l2=0.0)
    kernel = started(optimizer)
    found = float(optimizer.penalty_of(kernel.value))
    assert found == pytest.approx(3.0 * 7.0 / 800, rel=1e-5)
    # Nobody knows how many examples an endless data set has.
    optimizer = AutoSGD()
    assert float(optimizer.penalty_of(started(optimizer, examples=0))) == 0
    with pytest.raises(ValueError, match=r"`l1` and `l2`.* unknown.*l1=3"):
        started(AutoSGD(l1=3.0), examples=0)


@pytest.mark.parametrize("name", ["learning_rate", "l1", "l2"])
@pytest.mark.parametrize("value", [-1.0, np.nan, "much"])
def test_wrong_arguments_are_refused(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must"):
        AutoSGD(**{name: value})


def test_it_is_saved():
    optimizer = AutoSGD(learning_rate=0.3, l1=1.0)
    copy = AutoSGD.from_config(optimizer.get_config())
    assert copy.get_config() == optimizer.get_config()


def test_the_largest_variance_is_an_eigenvalue():
    x = np.random.default_rng(0).normal(size=(500, 7))
    x[:, 2] = 3 * x[:, 1]
    expected = np.linalg.eigvalsh(np.cov(x.T, bias=True))[-1]
    assert optimizers.largest_variance(x) == pytest.approx(expected, rel=1e-3)
    assert optimizers.largest_variance(np.ones((5, 3))) == 0
    bits = units.Bernoulli(7)
    rate = optimizers.learning_rate(x, bits, bits)
    assert rate == pytest.approx(0.3 / expected, rel=1e-3)
    real = units.Gaussian(7)
    rate = optimizers.learning_rate(3 * x, real, bits)
    assert rate == pytest.approx(1.2 / 9 / expected, rel=1e-3)
    rate = optimizers.learning_rate(x, real, real)
    assert rate == pytest.approx(0.003 / expected, rel=1e-3)


def test_the_order_of_the_rows_has_no_say():
    """Arrays are shuffled for training: they may be sorted."""
    rng = np.random.default_rng(0)
    x = np.repeat([[0.1], [0.9]], 5000, axis=0) > rng.random((10_000, 30))
    found = []
    for rows in (x, rng.permutation(x)):
        model = RBM(30, 4, seed=0)
        model.compile(run_eagerly=True)
        model.fit(rows, batch_size=10_000, epochs=1, verbose=0)
        optimizer = model.optimizer
        found.append([float(optimizer.learning_rate), float(optimizer.l1)])
    # The groups' means differ by 0.8 in each of 30 columns.
    assert found[0][0] == pytest.approx(0.3 / (30 * 0.4**2), rel=0.05)
    np.testing.assert_allclose(*found, rtol=0.05)


def test_fit_starts_it():
    model = RBM(5, 4, seed=0)
    model.compile(run_eagerly=True)
    model.fit(data(), batch_size=24, epochs=3, verbose=0)
    assert float(model.optimizer.span) == 6
    np.testing.assert_allclose(
        float(model.optimizer.learning_rate),
        optimizers.learning_rate(data(), model.visible, model.hidden),
        rtol=1e-6,
    )
    # A data set of `data.batches` knows the number of its examples.
    model.fit(data_lib.batches(data(), 16), steps_per_epoch=2, verbose=0)
    assert float(model.optimizer.first) == 6
    assert float(model.optimizer.l1) > 0


def groups(count, seed):
    """Six groups of five columns that go together, and 10 % of noise."""
    rng = np.random.default_rng(seed)
    together = np.repeat(rng.random((count, 6)) < 0.5, 5, axis=1)
    return (together ^ (rng.random((count, 30)) < 0.1)).astype("float32")


def test_with_nothing_given_it_leaves_the_plateau():
    """Independent columns have -20.8 nats, the truth -13.8."""
    x, fresh = groups(400, 0), groups(2000, 1)
    model = RBM(30, 16, seed=0)
    model.compile()
    model.fit(x, epochs=20, verbose=0)
    found = model.log_likelihood(fresh, method="exact")
    assert found.lower > -15.5
    assert found.baseline == pytest.approx(-20.8, abs=0.2)


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_run_that_is_stopped_and_resumed_ends_alike(is_stream):
    """Also where a data set begins with other batches than it did."""

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    def fit(model, first_epoch, callbacks=()):
        x = data()
        if is_stream:
            x = data_lib.batches(x, 16, first_step=2 * first_epoch)
        model.fit(
            x,
            batch_size=None if is_stream else 16,
            epochs=2,
            steps_per_epoch=2,
            initial_epoch=first_epoch,
            callbacks=list(callbacks),
            verbose=0,
        )

    whole, stopped = RBM(5, 4, seed=0), RBM(5, 4, seed=0)
    for model in (whole, stopped):
        model.compile(run_eagerly=True)
    fit(whole, 0)
    fit(stopped, 0, [Stop()])
    assert int(stopped.updates) == 2
    fit(stopped, 1)
    np.testing.assert_array_equal(whole.kernel, stopped.kernel)
    assert float(whole.optimizer.learning_rate) == float(
        stopped.optimizer.learning_rate
    )


def test_the_penalties_of_a_data_set_are_those_of_its_array():
    x = data(60)
    batches = tf.data.Dataset.from_tensor_slices(x)
    for optimizer in (lambda: AutoSGD(l1=6.0, l2=3.0), AutoSGD):
        found = []
        for source in (x, batches.batch(30), batches.batch(30, True)):
            model = RBM(5, 4, seed=0)
            model.compile(optimizer(), run_eagerly=True)
            model.fit(
                source,
                batch_size=None if source is not x else 30,
                epochs=1,
                verbose=0,
            )
            own = model.optimizer
            found.append((float(own.l1), float(own.l2)))
        assert found[0] == found[1] == found[2]
        assert min(found[0]) > 0
    model.compile(AutoSGD(l1=6.0), run_eagerly=True)
    with pytest.raises(ValueError, match=r"`l1` and `l2`.* unknown.*l1=6"):
        model.fit(batches.repeat().batch(10), steps_per_epoch=2, verbose=0)
