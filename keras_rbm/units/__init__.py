"""Unit types, one file each.

Importing a type here makes it public in this package, in `keras_rbm` and in
.gin files.
"""

from keras_rbm import checks
from keras_rbm.units.base import Parameter as Parameter
from keras_rbm.units.base import Units as Units
from keras_rbm.units.bernoulli import Bernoulli as Bernoulli
from keras_rbm.units.binomial import Binomial as Binomial
from keras_rbm.units.composite import Composite as Composite
from keras_rbm.units.drelu import DReLU as DReLU
from keras_rbm.units.gaussian import Gaussian as Gaussian
from keras_rbm.units.noisy_relu import NoisyReLU as NoisyReLU
from keras_rbm.units.quadrature import Nodes as Nodes
from keras_rbm.units.relu import ReLU as ReLU
from keras_rbm.units.softmax import Softmax as Softmax
from keras_rbm.units.spin import Spin as Spin
from keras_rbm.units.xrelu import XReLU as XReLU

__all__ = [  # The unit types, which `keras_rbm` exports too.
    name
    for name, thing in vars().items()
    if isinstance(thing, type) and issubclass(thing, Units)
]


def get(name: str, value: Units | int) -> Units:
    """Converts an argument to units.

    Args:
        name: The argument's name, for the error.
        value: `Units`, or the number of `Bernoulli` units, an integer.

    Returns:
        `Units`.

    Raises:
        ValueError: If `value` is neither `Units` nor a positive integer.

    Example:
        print(units.get("hidden", 8))  # Bernoulli(size=8)
    """
    if isinstance(value, Units):
        return value
    return Bernoulli(checks.positive_integer(name, value))
