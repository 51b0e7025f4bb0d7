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

    Fixtures of modules request it by name: pytest would keep what they made
    eagerly for the tests by XLA, which then compare updates of both kinds.
    """
    eagerly = request.param == "eagerly"
    with eager.updates() if eagerly else contextlib.nullcontext():
        yield
