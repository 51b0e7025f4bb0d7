"""Units of several types in one layer."""

import math
from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from keras_rbm import random
from keras_rbm.random import Stream
from keras_rbm.typing import Array, Config, Params, Tensor
from keras_rbm.units.base import Parameter, Units
from keras_rbm.units.domain import ColumnStatistics
from keras_rbm.units.quadrature import Nodes
from keras_rbm.units.sites import Sites


@keras.saving.register_keras_serializable("keras_rbm")
class Composite(Units):
    """One side of a machine, made of parts: energy(x) = sum_k energy_k(x_k).

    For example, `Composite(Bernoulli(784), Softmax(1, 10))` describes pixels
    and a label. The columns of the parts follow each other in the order of
    the parts. The biases of all parts form one parameter `bias` of the full
    width. The names of all other parameters start with the number of the
    part, as in `1_precision`.

    Args:
        *units: `Units`, at least one.
        parts: A list of `Units`, which follow `*units`.

    Raises:
        ValueError: If there are no parts, or if a part is not `Units` or does
            not have a plain bias.

    Example:
        visible = keras_rbm.Composite(
            keras_rbm.Bernoulli(6), keras_rbm.Gaussian(4)
        )
        rbm = keras_rbm.RBM(visible, 8)
    """

    is_composite = True

    def __init__(self, *units, parts: Sequence[Units] = ()):
        if len(units) == 1 and isinstance(units[0], list | tuple):
            (units,) = units
        parts = (*units, *parts)
        if not parts or not all(isinstance(part, Units) for part in parts):
            raise ValueError(
                "`parts` must be Units, at least one. Received: parts="
                f"{parts!r}"
            )
        super().__init__(sum(part.size for part in parts))
        self.parts = parts
        if any(p.parameters()["bias"][1:] != Parameter(())[1:] for p in parts):
            raise ValueError(
                "`parts` must have plain biases, which start at 0 and are "
                f"learned without constraint. Received: parts={parts!r}"
            )

    @property
    def width(self) -> int:
        return sum(part.width for part in self.parts)

    @property
    def columns(self) -> tuple[slice, ...]:
        """The columns of each part, as slices."""
        ends = np.cumsum([part.width for part in self.parts]).tolist()
        return tuple(map(slice, [0, *ends[:-1]], ends))

    @property
    def first_columns(self) -> np.ndarray:
        return np.concatenate(
            [
                columns.start + part.first_columns
                for part, columns in zip(self.parts, self.columns, strict=True)
            ]
        )

    @property
    def support(self) -> tuple[Any, Any]:
        """Smallest and largest values, arrays of shape `(width,)`."""
        return tuple(
            np.concatenate(
                [np.broadcast_to(p.support[i], p.width) for p in self.parts]
            )
            for i in (0, 1)
        )

    @property
    def sites(self) -> tuple[Sites, ...]:
        return tuple(
            sites._replace(first=columns.start + sites.first)
            for part, columns in zip(self.parts, self.columns, strict=True)
            for sites in part.sites
        )

    @property
    def num_joint_states(self) -> int | None:
        counts = [part.num_joint_states for part in self.parts]
        return None if None in counts else math.prod(counts)

    def joint_states(self, index: Tensor) -> Tensor:
        if self.num_joint_states is None:
            raise ValueError(f"The states of {self} cannot be enumerated.")
        states, index = [], ops.cast(index, "int64")
        for part in reversed(self.parts):
            # No index has more than 62 bits: larger counts act like 2**62.
            count = min(part.num_joint_states, 2**62)
            states.insert(0, part.joint_states(index % count))
            index = index // count
        return ops.concatenate(states, axis=1)

    @property
    def description(self) -> str:
        return " and ".join(
            f"{part.description} (columns {columns.start} to "
            f"{columns.stop - 1})"
            for part, columns in zip(self.parts, self.columns, strict=True)
        )

    @property
    def approximation(self) -> str | None:
        """The `approximation` of the first part that is approximate."""
        return next(filter(None, (p.approximation for p in self.parts)), None)

    def least_curvature(self, inverse_temperature: float = 1.0) -> float:
        return min(p.least_curvature(inverse_temperature) for p in self.parts)

    def fits(self, x: Array, xp: Any = np) -> Any:
        parts = zip(self.parts, self.columns, strict=True)
        return xp.concatenate([p.fits(x[:, c], xp) for p, c in parts], axis=1)

    def without_rounding(self, x: Array, xp: Any = np) -> Any:
        parts = zip(self.parts, self.columns, strict=True)
        return xp.concatenate(
            [p.without_rounding(x[..., c], xp) for p, c in parts], axis=-1
        )

    def intensities(self, x: np.ndarray) -> np.ndarray:
        parts = zip(self.parts, self.columns, strict=True)
        return np.concatenate(
            [p.intensities(x[:, c]) for p, c in parts], axis=1
        )

    def check_scale(self, columns: ColumnStatistics, name: str = "x") -> None:
        for part, own in zip(self.parts, self.columns, strict=True):
            arrays = (x[own] for x in columns[:3])
            first = columns.first + own.start
            part.check_scale(ColumnStatistics(*arrays, first), name)

    def parameters(self) -> dict[str, Parameter]:
        own = [part.parameters() for part in self.parts]
        joined = {"bias": Parameter((self.width,))}
        return joined | self._named(own)

    def statistics(self, x: Array) -> dict[str, Tensor]:
        own = self._each("statistics", x)
        return {"bias": x} | self._named(own)

    def base_energy(self, x: Array) -> Tensor | None:
        energies = [e for e in self._each("base_energy", x) if e is not None]
        return sum(energies) if energies else None

    def log_partition(self, inputs: Array, params: Params) -> Tensor:
        return sum(self._each("log_partition", inputs, params))

    def log_partitions(self, inputs: Array, params: Params) -> Tensor:
        terms = self._each("log_partitions", inputs, params)
        return ops.concatenate(terms, axis=-1)

    def nodes(
        self, low: np.ndarray, high: np.ndarray, params: Params
    ) -> tuple[Nodes, ...]:
        each = self._each("nodes", low, high, params)
        return tuple(
            own._replace(column=columns.start + own.column)
            for nodes, columns in zip(each, self.columns, strict=True)
            for own in nodes
        )

    def log_partition_change(
        self,
        inputs: Array,
        params: Params,
        new_inputs: Array,
        new_params: Params,
    ) -> Tensor:
        arguments = inputs, params, new_inputs, new_params
        return sum(self._each("log_partition_change", *arguments))

    def mean(self, inputs: Array, params: Params) -> Tensor:
        return ops.concatenate(self._each("mean", inputs, params), axis=1)

    def sample(self, inputs: Array, params: Params, stream: Stream) -> Tensor:
        """A draw for each part, each from its own stream."""
        draws = [
            part.sample(*arguments, random.fold_in(stream, number))
            for number, (part, arguments) in enumerate(
                self._split(inputs, params)
            )
        ]
        return ops.concatenate(draws, axis=1)

    def fit_parameters(
        self, mean: Array, variance: Array | None = None
    ) -> dict[str, Tensor]:
        return self._joined(self._each("fit_parameters", mean, variance))

    def base_parameters(
        self, mean: Array, variance: Array | None, params: Params
    ) -> dict[str, Tensor]:
        return self._joined(
            self._each("base_parameters", mean, variance, params)
        )

    def start_parameters(
        self, mean: Array, variance: Array | None, inverse_temperature: float
    ) -> dict[str, Tensor]:
        return self._joined(
            part.start_parameters(*moments, inverse_temperature)
            for part, moments in self._split(mean, variance)
        )

    def with_params(self, params: Params) -> list[tuple[Units, Params]]:
        """Returns pairs of a part and the parameters of that part."""
        return [(part, own) for part, (own,) in self._split(params)]

    def get_config(self) -> Config:
        serialize = keras.saving.serialize_keras_object
        return {"parts": [serialize(part) for part in self.parts]}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(parts=keras.saving.deserialize_keras_object(config["parts"]))

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(map(repr, self.parts))})"

    def _each(self, method, *arguments):
        """Calls a method of each part with its share of the arguments."""
        return [
            getattr(part, method)(*share)
            for part, share in self._split(*arguments)
        ]

    def _split(self, *arguments):
        """Yields each part with its share of each tensor and of `params`."""
        for number, (part, columns) in enumerate(
            zip(self.parts, self.columns, strict=True)
        ):
            yield (
                part,
                [
                    None
                    if x is None
                    else self._own(part, number, columns, x)
                    if isinstance(x, dict)
                    else x[..., columns]
                    for x in arguments
                ],
            )

    def _own(self, part, number, columns, params):
        return {
            name: params["bias"][..., columns]
            if name == "bias"
            else params[f"{number}_{name}"]
            for name in part.parameters()
        }

    def _joined(self, params):
        params = list(params)
        bias = ops.concatenate([own["bias"] for own in params])
        return {"bias": bias} | self._named(params)

    def _named(self, params):
        """All parameters except biases, by their numbered names."""
        return {
            f"{number}_{name}": value
            for number, own in enumerate(params)
            for name, value in own.items()
            if name != "bias"
        }
