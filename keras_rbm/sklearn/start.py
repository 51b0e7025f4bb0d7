"""The model that an estimator starts from."""

import numbers
import warnings

import keras
import numpy as np
import tensorflow as tf

from keras_rbm import checks, units
from keras_rbm.chains import Chain, PersistentChain
from keras_rbm.models import RBM
from keras_rbm.sklearn import rows

# How many parts of the data `RBM.adapt` looks at.
_PARTS = 100


def model(estimator, x, seed, most_chains=np.inf):
    """A compiled `RBM` that has seen the mean of the data.

    Args:
        estimator: An `RBMTransformer`, whose arguments are checked.
        x: Array or CSR matrix of shape `(examples, features)`.
        seed: Integer, the seed of the model.
        most_chains: What `batch_size` chains are at most, where the estimator
            is given no chain.

    Returns:
        An `RBM` whose optimizer is built.

    Raises:
        ValueError: If an argument is not as described.
    """
    e = estimator
    checks.positive_integer("n_components", e.n_components)
    checks.positive_integer("batch_size", e.batch_size)
    checks.positive_number("learning_rate", e.learning_rate)
    _check("n_iter", e.n_iter, numbers.Integral, "an integer, 0 or more")
    _check("weight_decay", e.weight_decay, numbers.Real, "0 or more")
    _check("momentum", e.momentum, numbers.Real, "from 0 up to 1", below=1)
    rbm = RBM(
        _visible(e, x.shape[1]),
        _units("hidden_units", e.hidden_units, e.n_components),
        chain=_chain(e.chain, min(e.batch_size, most_chains)),
        centered=e.centered,
        kernel_initializer=keras.initializers.LecunNormal(seed),
        kernel_regularizer=keras.regularizers.L2(e.weight_decay / 2)
        if e.weight_decay
        else None,
        seed=seed,
    )
    rbm.compile(keras.optimizers.SGD(float(e.learning_rate), e.momentum))
    rbm.optimizer.build(rbm.trainable_variables)
    rbm.adapt(_dataset(x, clipped=e.visible_units is None))
    return rbm


def check_examples(estimator, x):
    """Refuses examples that the visible units cannot stand for.

    Args:
        estimator: An `RBMTransformer`. Without `visible_units` it warns.
        x: Array or CSR matrix of shape `(examples, features)`.

    Raises:
        ValueError: If the units are given, and the examples do not fit.
    """
    if estimator.visible_units is None:
        low, high = x.min(), x.max()
        if low < 0 or high > 1:
            warnings.warn(
                "`X` should hold values from 0 to 1, which is what binary "
                "units can stand for. Scale it, for example by MinMaxScaler("
                "clip=True), or choose `visible_units`. Received: X from "
                f"{low:g} to {high:g}",
                stacklevel=3,
            )
        return
    visible = _visible(estimator, x.shape[1])
    for _, part in rows.parts(x):
        visible.check(part, "X")


def _check(name, value, kind, what, below=np.inf):
    if (
        isinstance(value, bool)
        or not isinstance(value, kind)
        or not 0 <= value < below
    ):
        raise ValueError(f"`{name}` must be {what}. Received: {name}={value!r}")


def _visible(estimator, features):
    visible = _units("visible_units", estimator.visible_units, features)
    if visible.width != features:
        raise ValueError(
            "`visible_units` must give units of as many columns as there are "
            f"features, {features}. Received: visible_units="
            f"{estimator.visible_units!r}, of width {visible.width}"
        )
    return visible


def _units(name, function, size):
    if function is None:
        return units.Bernoulli(size)
    found = function(size) if callable(function) else None
    if not isinstance(found, units.Units):
        raise ValueError(
            f"`{name}` must be a function of the number of units that returns "
            f"Units, such as keras_rbm.units.Gaussian. Received: {name}="
            f"{function!r}"
        )
    return found


def _chain(chain, num_chains):
    """A chain of the estimator's own; that of the user stays as it is."""
    if chain is None:
        return PersistentChain(num_chains, name="chain")
    if not isinstance(chain, Chain):
        raise ValueError(
            "`chain` must be a Chain, such as PersistentChain(100), or None. "
            f"Received: chain={chain!r}"
        )
    return type(chain).from_config(chain.get_config() | {"name": "chain"})


def _dataset(x, clipped):
    """The examples in so few batches that all of them are looked at."""

    def parts():
        for _, part in rows.parts(x, max(1000, -(-x.shape[0] // _PARTS))):
            yield np.clip(part, 0, 1) if clipped else part

    shape = (None, x.shape[1])
    return tf.data.Dataset.from_generator(
        parts, output_signature=tf.TensorSpec(shape, x.dtype.name)
    )
