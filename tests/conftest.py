import collections
import gc
import os
import sys

import pytest
from hypothesis import settings

# Imported objects stay alive. Scanning them during the imports would cost each
# process two seconds.
gc.disable()
# Before TensorFlow is imported: no notes on CPU features and the like.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# With the first two flags, XLA takes a quarter less processor time for a
# program. Test files that mostly compile take a tenth less with the third, and
# a twentieth to a tenth less with the fourth. The flags change no more than
# roundings. (Without any optimization, tests that draw many samples take longer
# than the compilation saves.) `make test-all` has flags of its own: it compiles
# as `train.py` does, and leaves Grappler on.
QUICK = (
    "--xla_backend_optimization_level=1 --xla_cpu_use_fusion_emitters=false "
    "--xla_llvm_disable_expensive_passes=true --xla_disable_hlo_passes="
    "simplify-while-loops,while-loop-invariant-code-motion"
)
os.environ.setdefault("XLA_FLAGS", QUICK)
# `make test` keeps up to four cores busy, each with a process. If each process
# also spread its small matrix products over all cores, they would wait for one
# another.
if "PYTEST_XDIST_WORKER" in os.environ and os.environ["XLA_FLAGS"] == QUICK:
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

# The same examples at every run, however long one takes; none is kept.
settings.register_profile(
    "keras_rbm", derandomize=True, deadline=None, database=None
)
settings.load_profile("keras_rbm")


# Files of few tests that take long. They come first: other files fill the time
# of the other processes until the last test.
LONG = (
    "resume_test.py",
    "replicas_test.py",
    "train_test.py",
    "configs_test.py",
    "numerics_test.py",
    "deep_boltzmann_machine_test.py",
    "compiled_loop_test.py",
)


def pytest_collection_finish():
    """Spares TensorFlow and the garbage collector needless work.

    Each collection would look at all modules of TensorFlow again. Grappler
    rewrites each new graph, which takes longer than what a test saves by it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
    if "tensorflow" in sys.modules and os.environ["XLA_FLAGS"] == QUICK:
        sys.modules["tensorflow"].config.optimizer.set_experimental_options(
            {"disable_meta_optimizer": True}
        )


def pytest_collection_modifyitems(items):
    files = collections.Counter(item.path for item in items)

    def rank(item):
        name = item.path.name
        place = LONG.index(name) if name in LONG else len(LONG)
        return place, -files[item.path]

    items.sort(key=rank)  # Tests of a file keep their order.
    marked = [item for item in items if "gpu" in item.keywords]
    if not marked:
        return
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="needs a GPU"))
