import numpy as np
import pytest

from keras_rbm import ContrastiveDivergence, ExactChain
from keras_rbm.sklearn import RBMTransformer, training
from tests import eager


def fit(**arguments):
    x = (np.random.default_rng(0).random((23, 5)) < 0.5).astype(float)
    return RBMTransformer(3, n_iter=1, **arguments).fit(x)


def test_models_of_one_configuration_share_a_program():
    training._updates.cache_clear()
    for seed in range(2):
        for rate in (0.1, 0.2):
            fit(random_state=seed, learning_rate=rate)
    assert training._updates.cache_info().misses == 1
    fit(momentum=0.7)
    fit(weight_decay=0.1)
    assert training._updates.cache_info().misses == 3


def test_a_large_model_keeps_no_copy(monkeypatch):
    expected = fit(random_state=0).components_
    training._updates.cache_clear()
    monkeypatch.setattr(training, "_KEPT", 10)
    found = fit(random_state=0).components_
    assert training._updates.cache_info().currsize == 0
    np.testing.assert_array_equal(found, expected)


def test_blocks_change_nothing(monkeypatch):
    expected = fit(random_state=0, batch_size=2).components_
    monkeypatch.setattr(training, "_MOST", 5)
    found = fit(random_state=0, batch_size=2).components_
    np.testing.assert_array_equal(found, expected)


def test_one_program_makes_updates_of_any_number_of_examples(monkeypatch):
    x = (np.random.default_rng(0).random((40, 5)) < 0.5).astype(float)

    def fitted():
        estimator = RBMTransformer(
            3, random_state=0, batch_size=4, momentum=0.5, centered=True
        )
        for count in (40, 7, 13, 1, 9):
            estimator.partial_fit(x[:count])
        run = training._updates_of(estimator.model_)._run
        return estimator, run.experimental_get_tracing_count()

    training._updates.cache_clear()
    one, programs = fitted()
    assert programs == 1
    # With rows that are not filled up: a program for each number.
    monkeypatch.setattr(training, "_FILLED", 1)
    training._updates.cache_clear()
    other, programs = fitted()
    assert programs > 3
    # The same gradient, but for some roundings of numbers of size 1.
    np.testing.assert_allclose(
        one.components_, other.components_, rtol=0, atol=1e-6
    )
    np.testing.assert_array_equal(
        one.model_.chain.particles, other.model_.chain.particles
    )


@pytest.mark.parametrize(
    "chain", [ContrastiveDivergence(), ExactChain()], ids=["cd", "exact"]
)
def test_no_sample_starts_from_rows_that_fill_a_batch_up(chain, monkeypatch):
    x = (np.random.default_rng(0).random((7, 5)) < 0.5).astype(float)

    def fitted():
        training._updates.cache_clear()
        estimator = RBMTransformer(3, random_state=0, chain=chain)
        with eager.functions():
            return estimator.partial_fit(x).components_

    found = fitted()
    monkeypatch.setattr(training, "_FILLED", 1)  # Nothing is filled up.
    np.testing.assert_allclose(found, fitted(), rtol=0, atol=1e-6)
