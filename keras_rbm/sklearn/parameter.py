"""Parameters of a fitted estimator, under scikit-learn's names."""

import keras
import numpy as np


def parameter(
    name: str, key: str | None = None, transposed: bool = False
) -> property:
    """A property: a parameter of `model_` as an array, which can be set.

    Args:
        name: Name of the model's attribute.
        key: Key in it, or `None` where it is the variable itself.
        transposed: Whether scikit-learn has it the other way round.

    Returns:
        A `property`, which gives a copy.
    """

    def variable(self):
        found = getattr(self.model_, name)
        return found if key is None else found[key]

    def get(self) -> np.ndarray:
        value = keras.ops.convert_to_numpy(variable(self)).copy()
        return value.T if transposed else value

    def set_(self, value):
        variable(self).assign(value.T if transposed else value)

    return property(get, set_)
