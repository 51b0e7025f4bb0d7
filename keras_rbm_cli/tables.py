"""For .gin files: a table of mixed columns, read once, and its units."""

from collections.abc import Mapping
from typing import Any, Literal

# The table that was read last, by its arguments.
_LAST: dict[str, Any] = {}


def table(
    path: str,
    schema: str | Mapping[str, Any] | None = None,
    validation_size: int | float = 0,
    test_size: int | float = 0,
    seed: int = 0,
    name: str | None = None,
    heavy_tails: Literal["quantiles", "logarithm", "standardize"] = "quantiles",
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str = "utf-8",
    comment: str | None = None,
    missing: Literal["category", "nan"] = "nan",
):
    """Returns `keras_rbm.data.table` of a file.

    A config refers to a table twice: for its examples and for its units.

    Args:
        path: Path of the file.
        schema: Path of a saved schema; or a dict from the names of some
            columns to their kinds, such as `{"job": @Category()}`; or `None`.
            The kinds of all other columns are inferred.
        validation_size: As for `keras_rbm.data.table`.
        test_size: As for `keras_rbm.data.table`.
        seed: As for `keras_rbm.data.table`.
        name: As for `keras_rbm.data.table`.
        heavy_tails: As for `keras_rbm.data.table`.
        separator: As for `keras_rbm.data.table`.
        decimal: As for `keras_rbm.data.table`.
        encoding: As for `keras_rbm.data.table`.
        comment: As for `keras_rbm.data.table`.
        missing: As for `keras_rbm.data.table`; here `"nan"` by default, so
            that a model fills in the table.

    Returns:
        A `keras_rbm.data.Data` with a schema.
    """
    return _read(
        path,
        schema,
        validation_size,
        test_size,
        seed,
        name,
        heavy_tails,
        separator,
        decimal,
        encoding,
        comment,
        missing,
    )


def visible_units(data):
    """Returns `data.visible`, the units of which examples are states.

    Args:
        data: A `keras_rbm.data.Data`.
    """
    return data.visible


def _read(*arguments):
    from keras_rbm import data  # Imported here because it imports TensorFlow.

    key = repr(arguments)
    if key not in _LAST:
        found = data.table(*arguments)
        _LAST.clear()
        _LAST[key] = found
    return _LAST[key]
