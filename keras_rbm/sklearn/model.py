"""The model of an estimator, and the arguments that make it."""

import keras
import numpy as np
import tensorflow as tf

from keras_rbm.chains import Chain, PersistentChain
from keras_rbm.models import RBM
from keras_rbm.sklearn import rows

# How many parts of the data `RBM.adapt` looks at.
_PARTS = 100


def chain_of(chain, num_chains):
    """A chain of the estimator's own; that of the user stays as it is.

    Args:
        chain: The argument of that name: a `Chain`, or `None`.
        num_chains: Number of persistent chains where there is none.

    Raises:
        ValueError: If it is no chain.
    """
    if chain is None:
        return PersistentChain(num_chains, name="chain")
    if not isinstance(chain, Chain):
        raise ValueError(
            "`chain` must be a Chain, such as PersistentChain(100), or None. "
            f"Received: chain={chain!r}"
        )
    return type(chain).from_config(chain.get_config() | {"name": "chain"})


def start(
    model: RBM, optimizer: keras.optimizers.Optimizer, x, clipped: bool = False
) -> None:
    """Compiles a model, and starts it from the mean of the data.

    Args:
        model: The `RBM`.
        optimizer: A Keras optimizer.
        x: Array, CSR matrix or `keras_rbm.rows.Rows` of shape `(examples,
            visible.width)`.
        clipped: Whether values below 0 count as 0, and above 1 as 1.
    """
    model.compile(optimizer)
    model.optimizer.build(model.trainable_variables)
    model.adapt(_dataset(x, clipped))


def _dataset(x, clipped):
    """The examples in so few batches that all of them are looked at."""
    size = max(rows.in_part(x), -(-x.shape[0] // _PARTS))

    def parts():
        for _, part in rows.parts(x, size):
            yield np.clip(part, 0, 1) if clipped else part

    shape = (None, x.shape[1])
    return tf.data.Dataset.from_generator(
        parts, output_signature=tf.TensorSpec(shape, x.dtype.name)
    )
