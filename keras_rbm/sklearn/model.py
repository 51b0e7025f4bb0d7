"""Creates and starts the model of an estimator."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_rbm.chains import Chain, PersistentChain
from keras_rbm.models import RBM
from keras_rbm.sklearn import encoding, rows

# Number of batches in which `RBM.adapt` reads the data.
_PARTS = 100


def chain_of(chain, num_chains):
    """Returns a copy of the user's chain, or a persistent chain.

    Args:
        chain: The estimator's argument `chain`: a `Chain`, or `None`.
        num_chains: Number of persistent chains if `chain` is `None`.

    Raises:
        ValueError: If `chain` is neither a `Chain` nor `None`.
    """
    if chain is None:
        return PersistentChain(num_chains, name="chain")
    if not isinstance(chain, Chain):
        raise ValueError(
            "`chain` must be a Chain, such as PersistentChain(100), or None. "
            f"Received: chain={chain!r}"
        )
    return type(chain).from_config(chain.get_config() | {"name": "chain"})


def new(estimator: Any, num_chains: int, seed: int, **options: Any) -> RBM:
    """Returns a new model for a fitted encoder.

    Args:
        estimator: The estimator, with its `encoder_` and the arguments
            `n_components`, `hidden_units` and `chain`.
        num_chains: Number of persistent chains if `chain` is `None`.
        seed: Seed of the model.
        **options: Further arguments of `RBM`.
    """
    return RBM(
        estimator.encoder_.units,
        encoding.units_of(
            "hidden_units", estimator.hidden_units, int(estimator.n_components)
        ),
        chain=chain_of(estimator.chain, num_chains),
        seed=seed,
        dtype="float32",  # Whatever Keras's global policy is.
        **options,
    )


def start(
    model: RBM, optimizer: keras.optimizers.Optimizer, x, clipped: bool = False
) -> None:
    """Compiles a model, and starts it from the mean of the data.

    Args:
        model: The `RBM`.
        optimizer: A Keras optimizer.
        x: Array, CSR matrix or `keras_rbm.rows.Rows` of shape `(examples,
            visible.width)`.
        clipped: Whether to clip values to the range from 0 to 1.
    """
    model.compile(optimizer)
    model.optimizer.build(model.trainable_variables)
    model.adapt(_examples(x, clipped))


def _examples(x, clipped):
    """The examples in so few batches that `adapt` reads all of them.

    An array if they fit into one batch, otherwise a data set: TensorFlow takes
    a tenth of a second to make one.
    """
    size = max(rows.in_part(x), -(-x.shape[0] // _PARTS))

    def parts():
        for _, part in rows.parts(x, size):
            yield np.clip(part, 0, 1) if clipped else part

    if x.shape[0] <= size:
        return next(parts())

    shape = (None, x.shape[1])
    return tf.data.Dataset.from_generator(
        parts, output_signature=tf.TensorSpec(shape, x.dtype.name)
    )
