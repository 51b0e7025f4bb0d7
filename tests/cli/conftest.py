import pytest
from absl import flags

from tests.cli import command


@pytest.fixture(scope="session", autouse=True)
def registered():
    # Whichever test comes first: flags have values once they were parsed.
    flags.FLAGS.mark_as_parsed()
    command.register()
