"""`Softmax`: categorical units, each a site of adjacent one-hot columns."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_rbm import checks, random, rows
from keras_rbm.random import Stream
from keras_rbm.typing import Array, Config, Params, Tensor
from keras_rbm.units.base import Parameter
from keras_rbm.units.termwise import Termwise

# Largest allowed distance from 1 of the sum of the probabilities of a site.
_TOLERANCE = 1e-4
# The largest number of categories whose probabilities are added one by one.
# XLA turns these additions into one vectorized loop. XLA's `cumsum` would take
# longer than the matrix product of the sweep.
_MOST_UNROLLED = 64


@keras.saving.register_keras_serializable("keras_rbm")
class Softmax(Termwise):
    """Categorical units: energy(x) = -<bias, x>, each site one-hot.

    With z = bias + inputs, p(site in category k) = exp(z_k) / sum_l exp(z_l).
    The columns of a site are adjacent. These units are also called Potts
    units. Data may also be probabilities of the categories of each site,
    which are then used as means of x.

    Args:
        size: Number of sites.
        categories: Number of categories of each site, at least 2.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Salakhutdinov, Mnih and Hinton (2007), "Restricted Boltzmann
        machines for collaborative filtering", equation 1.

    Example:
        # Ten sites of four categories each, as 40 one-hot columns.
        rbm = keras_rbm.RBM(keras_rbm.Softmax(10, 4), 8)
    """

    support = (0.0, 1.0)

    def __init__(self, size: int, categories: int):
        super().__init__(size)
        self.categories = checks.positive_integer("categories", categories)
        if self.categories < 2:
            raise ValueError(
                "`categories` must be at least 2. Received: categories="
                f"{categories}"
            )

    @property
    def width(self) -> int:
        return self.size * self.categories

    @property
    def states(self) -> np.ndarray:
        """The rows of the identity, one for each category."""
        return np.eye(self.categories)

    @property
    def activation(self) -> str | None:
        """`"softmax"` for one site, else `None`: Keras has no equivalent."""
        return "softmax" if self.size == 1 else None

    @property
    def description(self) -> str:
        return (
            "one-hot rows, or probabilities from 0 to 1 with a sum of 1, in "
            f"the {self.categories} columns of each site"
        )

    def fits(self, x: Array, xp: Any = np) -> Any:
        """Whether a value is from 0 to 1 and the values of its site sum to 1.

        If the sum is wrong, no column of the site fits. If some values of a
        site are not from 0 to 1, only these columns do not fit.
        """
        inside = super().fits(x, xp)
        sites = (-1, self.size, self.categories)
        kept = xp.reshape(xp.where(inside, x, xp.zeros_like(x)), sites)
        distance = xp.abs(xp.sum(kept * 1.0, axis=2, keepdims=True) - 1.0)
        all_inside = xp.all(xp.reshape(inside, sites), axis=2, keepdims=True)
        whole = (distance <= _TOLERANCE) | ~all_inside
        return inside & xp.repeat(whole[:, :, 0], self.categories, axis=1)

    def as_rows(self, x: Any, name: str = "x") -> Any:
        """Converts integer categories to one-hot rows.

        `x` has one column for each site. Floating-point columns are also
        categories if the data contain NaN. NaN stands for a missing category,
        and all columns of its site become NaN.
        """
        if x.ndim != 2 or x.shape[1] != self.size or not len(x):
            return x
        misses = x.dtype.kind == "f" and any(
            np.isnan(part).any() for _, part in rows.parts(x)
        )
        if x.dtype.kind not in "iu" and not misses:
            return x
        for first, part in rows.parts(x):
            wrong = (part < 0) | (part >= self.categories)
            if misses:
                wrong |= (part != np.floor(part)) & ~np.isnan(part)
            if wrong.any():
                row, column = np.argwhere(wrong)[0]
                raise ValueError(
                    f"`{name}` must hold integers from 0 to "
                    f"{self.categories - 1}, the categories of each site, or "
                    f"{self.description}. Received: {name}[{first + row}, "
                    f"{column}]={part[row, column]}"
                )

        def hot(part):
            found = part[:, :, None] == np.arange(self.categories)
            found = found.astype("float32")
            if misses:
                found[np.isnan(part)] = np.nan
            return found.reshape(len(part), -1)

        def take(index):
            return hot(np.asarray(x[index]))

        return rows.Rows(take, len(x), self.width, "float32")

    def check(self, x: Array, name: str = "x") -> None:
        """See `Units.check`. The error for categories suggests `one_hot`."""
        x = x if isinstance(x, rows.Rows) else np.asarray(x)
        if x.shape[1:] == (self.size,) and len(x) and x.dtype.kind in "fui":
            some = x[: rows.in_part(x)]
            whole = (some >= 0) & (some < self.categories)
            if (whole & (some == np.floor(some))).all():
                raise ValueError(
                    f"`{name}` must be one-hot, {self.categories} columns for "
                    "each site. Integer categories become so by "
                    f"keras_rbm.data.one_hot({name}, {self.categories}). "
                    f"Received: {name}.shape={x.shape}, with integers from "
                    f"{some.min()} to {some.max()}"
                )
        super().check(x, name)

    def parameters(self) -> dict[str, Parameter]:
        return {"bias": Parameter((self.width,))}

    def log_partitions(self, inputs: Array, params: Params) -> Tensor:
        """Log sum_k exp(z_k) for each site, in nats."""
        return ops.logsumexp(self._by_site(inputs + params["bias"]), axis=2)

    def mean(self, inputs: Array, params: Params) -> Tensor:
        """The softmax of z for each site."""
        p = ops.softmax(self._by_site(inputs + params["bias"]), axis=2)
        return ops.reshape(p, (-1, self.width))

    def sample(self, inputs: Array, params: Params, stream: Stream) -> Tensor:
        """The first category whose cumulative probability is above u.

        Each site has its own uniform number u.
        """
        p = self._by_site(ops.cast(self.mean(inputs, params), "float32"))
        u = random.uniform(stream, (ops.shape(p)[0], self.size))
        drawn = ops.cast(ops.reshape(_category(p, u), (-1,)), "int32")
        # `one_hot` would be slow: XLA would fuse its comparison with all
        # categories into the sampling loop, and would not vectorize that loop.
        rows = ops.arange(ops.shape(drawn)[0], dtype="int32")
        x = ops.scatter(
            ops.stack([rows, drawn], axis=1),
            ops.ones_like(drawn, dtype=inputs.dtype),
            (ops.shape(drawn)[0], self.categories),
        )
        return ops.reshape(x, (-1, self.width))

    def fit_parameters(
        self, mean: Array, variance: Array | None = None
    ) -> dict[str, Tensor]:
        """Log mean of each category, centred to mean 0 over each site.

        Means below 0.001 are raised to 0.001, so that a category that does
        not occur in the data starts with a finite bias.
        """
        mean = ops.reshape(ops.cast(mean, "float64"), (-1, self.categories))
        bias = ops.log(ops.maximum(mean, 1e-3))
        bias = bias - ops.mean(bias, axis=1, keepdims=True)
        return {"bias": ops.reshape(bias, (-1,))}

    def get_config(self) -> Config:
        return {**super().get_config(), "categories": self.categories}

    def _by_site(self, x):
        return ops.reshape(x, (-1, self.size, self.categories))


def _category(p, u):
    """The first category whose cumulative probability is above u.

    Despite rounding errors, a category is always drawn, and its probability is
    never 0: the cumulative probability of the last category with a nonzero
    probability counts as above every u.

    Args:
        p: Probabilities of shape `(batch, size, categories)`.
        u: Tensor of shape `(batch, size)`, with values in [0, 1).

    Returns:
        `int32` tensor of the shape of `u`.
    """
    categories = p.shape[2]
    if categories > _MOST_UNROLLED:
        number = ops.arange(categories, dtype="int32")
        possible = p > 0
        last = ops.max(
            ops.where(possible, number, -1), axis=2, keepdims=True, initial=-1
        )
        above = (u[:, :, None] < ops.cumsum(p, axis=2)) | (number == last)
        return ops.argmax(ops.cast(possible & above, "int32"), axis=2)
    total = ops.zeros_like(u)
    count = last = ops.zeros_like(u, dtype="int32")
    for number in range(categories):
        own = p[:, :, number]
        total = total + own
        count = count + ops.cast(total <= u, "int32")
        last = ops.where(own > 0, number, last)
    return ops.minimum(count, last)
