"""Checks of what a run is given, before any work."""

import keras
import numpy as np

from keras_rbm import checks
from keras_rbm.data import check_data, to_float


def check(model, data, optimizer, learning_rate, lower):
    """Checks the arguments of these names of `run`.

    Raises:
        ValueError: If one is not what `run` says, or the data do not fit the
            model.
    """
    if not isinstance(model, keras.Model):
        raise ValueError(
            "`model` must be a model, such as RBM(64, 128). Received: "
            f"model={model!r}"
        )
    if not callable(optimizer):
        raise ValueError(
            "`optimizer` must be a function of a learning rate, such as "
            f"keras.optimizers.SGD. Received: optimizer={optimizer!r}"
        )
    if isinstance(learning_rate, int | float):
        checks.positive_number("learning_rate", learning_rate)
    seen = [*(m.visible for m in lower.machines), model.example_units]
    check_data(data, seen[0].width)
    for split in ("train", "validation", "test"):
        x = getattr(data, split)
        if x is not None:
            # Intensities in uint8 are from 0 to 1 whatever they are.
            x = to_float(x[:1]) if x.dtype == np.uint8 else x
            seen[0].check(x, f"{data.name}.{split}")
