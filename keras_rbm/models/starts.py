"""Where chains start: data, fantasy particles, or draws without inputs."""

from keras_rbm import checks, gibbs, random
from keras_rbm.compiled import compiled
from keras_rbm.models import inputs, masks

# The stream of the start, beside those of the sweeps from 0.
_START = 2**32


def without_inputs(machine, num_samples, stream):
    """Draws from the visible units alone, where nothing else is given.

    Args:
        machine: A `Machine`.
        num_samples: Number of draws.
        stream: The stream of the samples, of whose sweeps these draws are
            independent.

    Returns:
        Tensor of shape `(num_samples, visible.width)`.

    Raises:
        ValueError: If `num_samples` is not a positive integer, or they would
            not fit into memory.
    """
    if num_samples is None:
        raise ValueError(
            "Give `num_samples`, or a `start` that has so many rows. Received: "
            "num_samples=None, start=None"
        )
    num_samples = checks.positive_integer("num_samples", num_samples)
    checks.in_memory("num_samples", (num_samples, machine.visible.width))
    return _without_inputs(machine, num_samples, stream)


def given(model, start, num_samples=None):
    """The start that is asked for, checked.

    Args:
        model: A `MachineModel`.
        start: Array of shape `(chains, visible.width)`, or `"chains"` for the
            model's fantasy particles. Those are kept as hidden states; v is
            drawn given them, always the same draw until the next update.
        num_samples: How many rows to take, the first ones, or `None` for all.

    Returns:
        Array or tensor of shape `(num_samples, visible.width)`.

    Raises:
        ValueError: If there are no such states, or fewer.
    """
    if isinstance(start, str):
        found = model.machine_particles if start == "chains" else None
        if found is None:
            raise ValueError(
                '`start` must be an array, None, or "chains" for the fantasy '
                "particles of a chain that keeps some, such as "
                f"PersistentChain. Received: start={start!r}, chain="
                f"{type(getattr(model, 'chain', None)).__name__}"
            )
    else:
        found = inputs.checked(start, model.visible, "start")
    if num_samples is None:
        return found
    num_samples = checks.positive_integer("num_samples", num_samples)
    if num_samples > len(found):
        raise ValueError(
            "`num_samples` must be at most the number of rows of `start`, "
            f"{len(found)}. Received: num_samples={num_samples}"
        )
    return found[:num_samples]


def filled(machine, v, mask, stream):
    """Examples with draws from the visible units alone where some are missing.

    Args:
        machine: A `Machine`.
        v: Array of shape `(examples, visible.width)`.
        mask: Boolean array, `True` where a value is missing.
        stream: As for `without_inputs`.

    Returns:
        Tuple of the examples and the mask, as `masks.filled` returns them.
    """
    return masks.filled(
        v,
        mask,
        machine.visible,
        lambda count: without_inputs(machine, count, stream),
    )


@compiled
def _without_inputs(machine, num_samples, stream):
    return gibbs.sample_without_inputs(
        machine, num_samples, random.fold_in(stream, _START)
    )
