"""What annotations call the things that this package takes and returns."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import keras
import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes
    from matplotlib.figure import Figure as Figure
else:  # Matplotlib takes long to import.
    Axes = Figure = Any


class Array(Protocol):
    """An array or tensor: of NumPy, TensorFlow, Keras, or a data frame.

    Where examples are wanted, a matrix or an array of `scipy.sparse`, too.
    """

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray: ...


class PictureLike(Protocol):
    """A `data.Picture`, or what has its methods."""

    def intensities(self, x: Any) -> np.ndarray:
        """Intensities of examples, of shape `(examples, pixels)`."""

    def directions(self, x: Any) -> np.ndarray:
        """Changes of them by steps, of shape `(steps, pixels)`."""


Tensor: TypeAlias = tf.Tensor
Pair: TypeAlias = tuple[Tensor, Tensor]
#: A kind of numbers, as Keras or TensorFlow calls it.
DType: TypeAlias = str | tf.DType
#: Numbers of rows and columns, of which either may be known in the graph alone.
Rows: TypeAlias = tuple[int | Tensor, int | Tensor]
Strategy: TypeAlias = tf.distribute.Strategy
#: Tensors by the names of what units learn.
Params: TypeAlias = Mapping[str, Tensor]
#: Data to learn from, or to measure on.
Examples: TypeAlias = Array | tf.data.Dataset
#: Where chains start: states, or the fantasy particles.
Start: TypeAlias = Array | Literal["chains"]
#: Integers or one-hot rows.
Labels: TypeAlias = Array | Sequence[Any]
#: Booleans, `True` where something is held or missing.
Mask: TypeAlias = Array | Sequence[Any]
#: Rows and columns, in pixels.
ImageShape: TypeAlias = tuple[int, int]
#: What Keras hands to `build`, the number of examples first.
Shape: TypeAlias = tuple[int | None, ...]

Path: TypeAlias = str | os.PathLike[str]
Config: TypeAlias = dict[str, Any]
Logs: TypeAlias = dict[str, Any] | None
#: What a callback keeps in a checkpoint.
State: TypeAlias = dict[str, Any]

Binarize: TypeAlias = Literal["none", "stochastic", "threshold"]
Method: TypeAlias = Literal["auto", "exact", "ais"]
States: TypeAlias = Literal["means", "draws"]
Verbose: TypeAlias = Literal["auto", 0, 1] | bool

# Of Keras, whose names and configurations stand for objects.
Initializer: TypeAlias = (
    str | Config | keras.initializers.Initializer | Callable[..., Any]
)
Regularizer: TypeAlias = (
    str | Config | keras.regularizers.Regularizer | Callable[..., Any]
)
Constraint: TypeAlias = (
    str | Config | keras.constraints.Constraint | Callable[..., Any]
)
#: A number or a schedule, or either for a run of so many updates.
LearningRate: TypeAlias = (
    float
    | keras.optimizers.schedules.LearningRateSchedule
    | Callable[[int], Any]
)
#: A class of optimizers, or what makes one of a `learning_rate`.
MakeOptimizer: TypeAlias = Callable[..., keras.optimizers.Optimizer]
