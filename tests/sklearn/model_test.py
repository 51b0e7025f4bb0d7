import types

import keras
import numpy as np
import pytest
from scipy import sparse

from keras_rbm import RBM, PersistentChain, units
from keras_rbm.sklearn import model as model_lib


def test_a_chain_is_copied_and_not_built():
    given = PersistentChain(7, num_sweeps=2, name="mine")
    copies = [model_lib.chain_of(given, 100) for _ in range(2)]
    for copy in copies:
        assert type(copy) is PersistentChain
        assert copy is not given
        assert copy.get_config() == given.get_config() | {"name": "chain"}
        RBM(3, 2, copy, seed=0)  # The copy may be built by a model.
    assert copies[0] is not copies[1]
    assert not given.built
    assert model_lib.chain_of(None, 5).num_chains == 5


@pytest.mark.parametrize("chain", ["pcd", 3, PersistentChain])
def test_what_is_no_chain_is_refused(chain):
    with pytest.raises(ValueError, match=r"`chain` must be a Chain.*: chain="):
        model_lib.chain_of(chain, 5)


def estimator(visible, **arguments):
    return types.SimpleNamespace(
        encoder_=types.SimpleNamespace(units=visible),
        **{"n_components": 2, "hidden_units": None, "chain": None} | arguments,
    )


def test_a_model_has_the_units_of_its_encoder():
    visible = units.Composite(units.Bernoulli(1), units.Gaussian(2))
    model = model_lib.new(
        estimator(visible, hidden_units=units.Spin), 7, 3, centered=False
    )
    assert model.visible == visible
    assert model.hidden == units.Spin(2)
    assert model.chain.num_chains == 7
    assert model.seed == 3
    assert model.offsets is None
    plain = model_lib.new(estimator(units.Bernoulli(3)), 7, 3)
    assert plain.hidden == units.Bernoulli(2)


X = np.array([[1.0, 0.25], [0.0, 0.5], [1.0, 0.0], [1.0, 1.0], [0.0, 0.75]])


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("size", [2, 1000])
def test_a_model_starts_from_the_mean_of_all_parts(kind, size, monkeypatch):
    monkeypatch.setattr("keras_rbm.sklearn.rows.in_part", lambda x: size)
    model = model_lib.new(estimator(units.Bernoulli(2)), 7, 3)
    optimizer = keras.optimizers.SGD(0.1)
    model_lib.start(model, optimizer, kind(X))
    mean = np.array([0.6, 0.5])
    # The log-odds, in float32.
    np.testing.assert_allclose(
        model.visible_params["bias"], np.log(mean / (1 - mean)), atol=1e-6
    )
    assert model.optimizer is optimizer
    assert optimizer.built


def test_values_are_clipped_if_that_is_asked_for():
    wider = np.where(X == 1, 3.0, np.where(X == 0, -2.0, X))
    model = model_lib.new(estimator(units.Bernoulli(2)), 7, 3)
    with pytest.raises(ValueError, match="must hold"):
        model_lib.start(model, keras.optimizers.SGD(0.1), wider)
    model = model_lib.new(estimator(units.Bernoulli(2)), 7, 3)
    model_lib.start(model, keras.optimizers.SGD(0.1), wider, clipped=True)
    np.testing.assert_allclose(
        model.visible_params["bias"], [np.log(0.6 / 0.4), 0], atol=1e-6
    )
