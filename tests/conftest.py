import gc
import os

# Before TensorFlow is imported: no notes on CPU features and the like.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# XLA takes a quarter less processor time for a program with these flags, which
# change no more than roundings. `make test-all` compiles as `train.py` does.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=1 --xla_cpu_use_fusion_emitters=false",
)

import pytest
from hypothesis import settings

# The same examples at every run, however long one takes; none is kept.
settings.register_profile(
    "keras_rbm", derandomize=True, deadline=None, database=None
)
settings.load_profile("keras_rbm")


def pytest_collection_finish():
    """Spares the garbage collector what the imports have left.

    Otherwise each collection looks at all modules of TensorFlow again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_collection_modifyitems(items):
    marked = [item for item in items if "gpu" in item.keywords]
    if not marked:
        return
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="needs a GPU"))
