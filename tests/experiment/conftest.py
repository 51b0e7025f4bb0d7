import contextlib

import pytest

from tests import eager


@pytest.fixture(
    scope="module",
    autouse=True,
    params=["eagerly", pytest.param("by_xla", marks=pytest.mark.slow)],
)
def how_updates_are_made(request):
    """Runs are about folders, files and order more than about XLA.

    A fixture of module scope must request this fixture. Otherwise pytest would
    reuse its eager run in the tests by XLA, and these would compare eager
    updates with compiled ones.
    """
    eagerly = request.param == "eagerly"
    with eager.updates() if eagerly else contextlib.nullcontext():
        yield
