import pytest

from tests.cli import command


@pytest.fixture(scope="session", autouse=True)
def registered():
    command.register()
