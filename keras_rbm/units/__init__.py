"""Unit types, one file each."""

from keras_rbm import checks
from keras_rbm.units.base import Parameter as Parameter
from keras_rbm.units.base import Units as Units
from keras_rbm.units.bernoulli import Bernoulli as Bernoulli


def get(name, value):
    """Returns units from what came as an argument.

    Args:
        name: The argument's name, for the error.
        value: `Units`, or an integer for that many `Bernoulli` units.

    Returns:
        `Units`.

    Raises:
        ValueError: If `value` is neither.
    """
    if isinstance(value, Units):
        return value
    return Bernoulli(checks.positive_integer(name, value))
