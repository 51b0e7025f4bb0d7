"""What `--sweep` says: names, values, and all their combinations."""

import ast
import itertools
import re

from keras_rbm_cli.errors import UserError

_EXAMPLE = '--sweep "RBM.hidden=[128, 256]"'
# Bytes; file systems have 255.
_LONGEST = 120


def axes(words):
    """Reads bindings of lists.

    Args:
        words: Strings such as `"RBM.hidden=[128, 256]"`.

    Returns:
        Dict of the names and their lists of Python literals.

    Raises:
        UserError: If one is not as described, or comes twice.
    """
    found = {}
    for word in words:
        name, equals, text = (part.strip() for part in word.partition("="))
        if not equals or not re.fullmatch(r"[A-Za-z_][\w./]*", name):
            raise UserError(f"--sweep wants a binding, {_EXAMPLE}: {word!r}")
        try:
            values = ast.literal_eval(text)
            again = ast.literal_eval(repr(values))
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            values = again = None
        if not isinstance(values, list) or values != again:
            raise UserError(
                f"--sweep wants a list of Python literals, {_EXAMPLE}: {word!r}"
            )
        if not values:
            raise UserError(f"--sweep got an empty list: {word!r}")
        if len({repr(value) for value in values}) < len(values):
            raise UserError(f"--sweep got a value twice: {word!r}")
        if name in found:
            raise UserError(f"--sweep got {name!r} twice; give one list")
        found[name] = values
    return found


def points(axes):
    """All combinations, the last name the fastest, as dicts."""
    return [
        dict(zip(axes, values, strict=True))
        for values in itertools.product(*axes.values())
    ]


def bindings(point):
    """A combination as lines of a .gin file."""
    return [f"{name} = {value!r}" for name, value in point.items()]


def folders(points):
    """A name for the folder of each combination, such as `RBM.hidden=128`."""
    found = []
    for point in points:
        name = ",".join(f"{name}={value}" for name, value in point.items())
        name = re.sub(r"[^\w.=,+-]", "_", name, flags=re.ASCII)[:_LONGEST]
        number, wanted = 1, name
        while name in found:
            number += 1
            name = f"{wanted}-{number}"
        found.append(name)
    return found


def told(axes):
    """The values in types that TensorBoard knows: those of a list in one.

    Args:
        axes: What `axes` returned.

    Returns:
        Dict of the names and functions that convert a value.
    """
    kinds = {}
    for name, values in axes.items():
        types = {type(value) for value in values}
        if types == {bool} or types == {int}:
            kinds[name] = types.pop()
        else:
            kinds[name] = float if types <= {int, float} else str
    return kinds
