import builtins
import importlib
import json.decoder

import pytest

from keras_rbm import data
from keras_rbm.data import libraries
from tests.data.made_up_table import people


@pytest.mark.parametrize("library", ["pyarrow", "narwhals"])
def test_a_library_that_is_not_installed(tmp_path, monkeypatch, library):
    def missing(name, *args):
        if name.startswith(library):
            raise ImportError(name)
        return builtins.__import__(name, *args)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ImportError, match=r'pip install "keras_rbm\[table\]"'):
        data.table(people())


def test_a_library_is_imported_where_it_is_used():
    assert libraries.of_extra("json.decoder", "x", "Tests") is json.decoder


def test_the_error_names_the_users_the_library_and_the_extra():
    with pytest.raises(ImportError) as caught:
        libraries.of_extra("no_such_library.part", "table", "Tables")
    assert str(caught.value) == (
        "Tables need no_such_library. Install it with "
        '`pip install "keras_rbm[table]"`.'
    )
