"""Imports libraries that only some users need, where they are used."""

import importlib
from typing import Any


def of_extra(name: str, extra: str, users: str) -> Any:
    """Returns a module of a library that an extra of this package installs.

    Args:
        name: Name of the module, such as `"pyarrow.parquet"`.
        extra: The extra, such as `"table"`.
        users: What needs the library, in the plural, such as `"Tables"`.

    Raises:
        ImportError: If the library is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"{users} need {name.partition('.')[0]}. Install it with `pip "
            f'install "keras_rbm[{extra}]"`.'
        ) from error
