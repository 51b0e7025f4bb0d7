import gin
import pytest
from absl import flags

from keras_rbm_cli import configuration
from tests.cli import command


@pytest.fixture(scope="session", autouse=True)
def registered():
    # Whichever test comes first: flags have values once they were parsed.
    flags.FLAGS.mark_as_parsed()
    command.register()


@pytest.fixture
def parsed():
    """Reads a config as the command does; then forgets it."""

    def read(config, *bindings, **options):
        gin.clear_config()
        configuration.read(gin, config, list(bindings), **options)

    with gin.unlock_config():
        yield read
        gin.clear_config()
