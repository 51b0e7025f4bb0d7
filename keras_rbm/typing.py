"""Types for the annotations of this package."""

import os
from collections.abc import Callable, Hashable, Mapping, Sequence
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
    """A NumPy array, a TensorFlow or Keras tensor, or a data frame.

    For examples, also a matrix or an array of `scipy.sparse`.
    """

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray: ...


class PictureLike(Protocol):
    """A `data.Picture`, or an object with its methods."""

    def intensities(self, x: Any) -> np.ndarray:
        """Intensities of examples, of shape `(examples, pixels)`."""

    def directions(self, x: Any) -> np.ndarray:
        """Changes of intensities by steps, of shape `(steps, pixels)`."""


class SchemaLike(Protocol):
    """A `data.Schema`, or an object with its properties and methods."""

    @property
    def columns(self) -> Mapping[Hashable, Any]:
        """The columns, in the order of the table."""

    @property
    def slices(self) -> Mapping[Hashable, slice]:
        """The place of each kept column in an example."""

    @property
    def labels(self) -> Sequence[str]:
        """The meaning of each entry of an example."""

    def number_texts(self, x: Any) -> Mapping[Hashable, Sequence[str]]:
        """The numbers of examples, as text, for each column of numbers."""


Tensor: TypeAlias = tf.Tensor
Pair: TypeAlias = tuple[Tensor, Tensor]
#: A dtype of Keras or TensorFlow.
DType: TypeAlias = str | tf.DType
#: Numbers of rows and columns; either may be known only in the graph.
Rows: TypeAlias = tuple[int | Tensor, int | Tensor]
Strategy: TypeAlias = tf.distribute.Strategy
#: Tensors by the names of the units' parameters.
Params: TypeAlias = Mapping[str, Tensor]
#: Data to learn from, or to measure on.
Examples: TypeAlias = Array | tf.data.Dataset
#: The start of chains: states, or the fantasy particles.
Start: TypeAlias = Array | Literal["chains"]
#: Integers or one-hot rows.
Labels: TypeAlias = Array | Sequence[Any]
#: Booleans, `True` for clamped or missing entries.
Mask: TypeAlias = Array | Sequence[Any]
#: Rows and columns, in pixels.
ImageShape: TypeAlias = tuple[int, int]
#: Height and width in pixels, and the number of channels if there are several.
PictureShape: TypeAlias = tuple[int, int] | tuple[int, int, int]
#: The argument of `build` in Keras, with the number of examples first.
Shape: TypeAlias = tuple[int | None, ...]

Path: TypeAlias = str | os.PathLike[str]
Config: TypeAlias = dict[str, Any]
Logs: TypeAlias = dict[str, Any] | None
#: The state that a callback saves in a checkpoint.
State: TypeAlias = dict[str, Any]

Binarize: TypeAlias = Literal["none", "stochastic", "threshold"]
Method: TypeAlias = Literal["auto", "exact", "ais"]
States: TypeAlias = Literal["means", "draws"]
Verbose: TypeAlias = Literal["auto", 0, 1] | bool

# Keras objects, or their names and configurations.
Initializer: TypeAlias = (
    str | Config | keras.initializers.Initializer | Callable[..., Any]
)
Regularizer: TypeAlias = (
    str | Config | keras.regularizers.Regularizer | Callable[..., Any]
)
Constraint: TypeAlias = (
    str | Config | keras.constraints.Constraint | Callable[..., Any]
)
#: A number or a schedule, or a function of the number of updates.
LearningRate: TypeAlias = (
    float
    | keras.optimizers.schedules.LearningRateSchedule
    | Callable[[int], Any]
)
#: A class of optimizers, or a function of a `learning_rate` that returns one.
MakeOptimizer: TypeAlias = Callable[..., keras.optimizers.Optimizer]
