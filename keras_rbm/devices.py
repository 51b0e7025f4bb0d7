"""The devices and processes of a `tf.distribute` strategy."""

import concurrent.futures
import contextlib
import os
import pathlib
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_rbm.typing import Strategy

_KNOWN = (
    tf.distribute.OneDeviceStrategy,
    tf.distribute.MirroredStrategy,
    tf.distribute.MultiWorkerMirroredStrategy,
)
_DEFAULT = "_DefaultDistributionStrategy"
# Either file shows that there is an NVIDIA driver, and thus a GPU.
_DRIVER = (
    pathlib.Path("/proc/driver/nvidia/version"),
    pathlib.Path("/dev/nvidia0"),
)


class UnusedGPU(NamedTuple):
    """Why TensorFlow uses no GPU of a machine that has one.

    Attributes:
        reason: Text, without a full stop.
        is_fault: Whether this is an error, not the user's choice.
    """

    reason: str
    is_fault: bool


def unused_gpu() -> UnusedGPU | None:
    """The reason why no GPU is used; `None` if one is used or none exists.

    A GPU is detected by its NVIDIA driver.

    Example:
        print(devices.unused_gpu())  # None, or the reason.
    """
    if tf.config.list_physical_devices("GPU"):
        return None
    if not any(path.exists() for path in _DRIVER):
        return None
    if not tf.test.is_built_with_cuda():
        return UnusedGPU(
            'an NVIDIA driver, but no GPU: install "keras_rbm[gpu]" to use it',
            False,
        )
    # The user hides all GPUs with a first entry that is not a GPU.
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0")
    if not re.match(r"\d|GPU-|MIG-", visible):
        return UnusedGPU(
            f"CUDA_VISIBLE_DEVICES={visible!r} hides all GPUs", False
        )
    return UnusedGPU(
        "an NVIDIA driver, and a TensorFlow built for CUDA that finds no GPU: "
        'CUDA\'s libraries are missing (install "keras_rbm[gpu]") or do not '
        "fit the driver, or a container was started without `--gpus all`",
        True,
    )


def describe() -> str:
    """Describes in one line which devices compute, and why no GPU is used.

    Example:
        print(devices.describe())  # Computing on 1 GPU (NVIDIA H100 80GB HBM3)
    """
    gpus = tf.config.list_logical_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details
        names = {
            details(gpu).get("device_name", "of unknown name")
            for gpu in tf.config.get_visible_devices("GPU")
        }
        several = "s" if len(gpus) > 1 else ""
        return (
            f"Computing on {len(gpus)} GPU{several} "
            f"({', '.join(sorted(names))})"
        )
    found = unused_gpu()
    return "Computing on the CPU" + (f": {found.reason}" if found else "")


def strategy(name: str = "auto") -> Strategy:
    """Returns a strategy by its name.

    Args:
        name: `"none"` for one device, `"mirrored"` for all GPUs of this
            machine, `"multi_worker"` for the machines that the environment
            variable `TF_CONFIG` names. `"auto"` means `"multi_worker"` if there
            is a `TF_CONFIG`, `"mirrored"` if there are several GPUs, else
            `"none"`.

    Returns:
        A `tf.distribute.Strategy`. Construct the model within its scope.

    Raises:
        ValueError: If there is no strategy of this name, or no `TF_CONFIG`
            for `"multi_worker"`.

    Example:
        with devices.strategy("none").scope():
            rbm = keras_rbm.RBM(16, 8, seed=0)
    """
    if name not in ("none", "mirrored", "multi_worker", "auto"):
        raise ValueError(
            '`strategy` must be "none", "mirrored", "multi_worker" or '
            f'"auto". Received: strategy={name!r}'
        )
    if name == "auto":
        several = len(tf.config.list_physical_devices("GPU")) > 1
        name = "mirrored" if several else "none"
        if os.environ.get("TF_CONFIG"):
            name = "multi_worker"
    if name == "multi_worker":
        if not os.environ.get("TF_CONFIG"):
            raise ValueError(
                "The environment variable TF_CONFIG must name the workers. "
                f"Received: strategy={name!r}, and no TF_CONFIG"
            )
        return tf.distribute.MultiWorkerMirroredStrategy()
    if name == "mirrored":
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def check(
    strategy: Strategy | None = None,
    num_chains: int | None = None,
    seed: int | None = 0,
) -> None:
    """Refuses set-ups that cannot work, or would silently not distribute.

    Args:
        strategy: A `tf.distribute.Strategy`; `None` for the current one.
        num_chains: Number of chains that replicas share, or `None`.
        seed: Seed of the model; `None` would differ between processes.

    Raises:
        ValueError: If the strategy is not known to work, if
            `keras.distribution` is set, if the chains cannot be divided evenly,
            or if several processes have no common seed.
    """
    if keras.distribution.distribution() is not None:
        raise ValueError(
            "keras.distribution does not distribute on TensorFlow: it runs "
            "all on one device. Use tf.distribute.MirroredStrategy. Received: "
            f"keras.distribution={keras.distribution.distribution()!r}"
        )
    strategy = strategy or tf.distribute.get_strategy()
    known = isinstance(strategy, _KNOWN)
    if not known and type(strategy).__name__ != _DEFAULT:
        raise ValueError(
            "A model trains under MirroredStrategy or "
            "MultiWorkerMirroredStrategy, where every replica has all of the "
            "parameters. Received: strategy="
            f"{type(strategy).__name__}"
        )
    replicas = strategy.num_replicas_in_sync
    if num_chains is not None and num_chains % replicas:
        raise ValueError(
            f"`num_chains` must be a multiple of {replicas}, the number of "
            "replicas, which share the chains, or the strategy one device "
            "(train.py --strategy none). Received: num_chains="
            f"{num_chains}"
        )
    if seed is None and num_workers(strategy) > 1:
        raise ValueError(
            "`seed` must be the same in all processes. Received: seed=None"
        )


def is_chief() -> bool:
    """Whether this process writes the files.

    This is true unless the environment variable `TF_CONFIG` says otherwise.

    Example:
        if devices.is_chief():
            rbm.save("model.keras")
    """
    return _place(tf.distribute.cluster_resolver.TFConfigClusterResolver()) == 0


def num_workers(strategy: Strategy) -> int:
    """Number of processes that a strategy spans."""
    if strategy.num_replicas_in_sync == 1:
        return 1
    return strategy.num_replicas_in_sync // len(
        strategy.extended.worker_devices
    )


def total(strategy: Strategy, value: float) -> float:
    """Sum of a number over the processes of a strategy.

    All processes must call this function, at the same point.

    Args:
        strategy: A `tf.distribute.Strategy`.
        value: A number, which may differ between processes.

    Returns:
        A `float`; the number itself if there is one process.
    """
    workers = num_workers(strategy)
    if workers == 1:
        return float(value)

    @tf.function(autograph=False)
    def sums():
        found = strategy.run(lambda: tf.constant(float(value), tf.float64))
        return strategy.reduce(tf.distribute.ReduceOp.SUM, found, axis=None)

    return float(sums()) * workers / strategy.num_replicas_in_sync


def wait(strategy: Strategy) -> None:
    """Waits until all processes of a strategy call this, or one has ended."""
    with contextlib.suppress(tf.errors.OpError):
        total(strategy, 0)


def scope(strategy: Strategy) -> contextlib.AbstractContextManager[Any]:
    """The scope of a strategy with several replicas, else an empty context."""
    if strategy.num_replicas_in_sync == 1:
        return contextlib.nullcontext()
    return strategy.scope()


def by_rows(
    function: Callable[[int, int], Any], num_rows: int, most: int | None = None
) -> Any:
    """Computes rows in parallel, a share of them on each device.

    Call this function within the scope of a strategy: the rows are divided
    among its devices. All workers of the strategy must call it with the same
    arguments, and each gets all rows.

    Args:
        function: Function of the index of the first row and of the number of
            rows that returns an array, or a tuple of arrays, with these rows.
            Devices call it at the same time.
        num_rows: Number of all rows.
        most: Largest number of rows in a call, or `None`.

    Returns:
        The results of `function`, joined for all rows.
    """
    strategy = tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync
    size = min(most or num_rows, -(-num_rows // replicas))
    blocks = [
        (first, min(size, num_rows - first))
        for first in range(0, num_rows, size)
    ]
    if replicas == 1:
        return _joined([function(*block) for block in blocks])
    devices = strategy.extended.worker_devices
    several = num_workers(strategy) > 1
    before = _place(strategy.cluster_resolver) * len(devices) if several else 0

    def on_device(number):
        with tf.device(devices[number]):
            own = blocks[before + number :: replicas]
            return [(first, function(first, count)) for first, count in own]

    with concurrent.futures.ThreadPoolExecutor(len(devices)) as pool:
        lists = pool.map(on_device, range(len(devices)))
        found = sorted((x for own in lists for x in own), key=lambda x: x[0])
    if not several:
        return _joined([part for _, part in found])
    if not found:  # A surplus worker only needs the form of the rows.
        found = [(None, function(*blocks[0]))]
    return _over_workers(strategy, found, num_rows)


def one_thread() -> tf.data.Options:
    """Options that give a data set one thread, and shard it among workers.

    More threads would compete with the matrix products.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    options.threading.max_intra_op_parallelism = 1
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    return options


def _joined(parts):
    if len(parts) == 1:
        return parts[0]
    arrays = [tf.nest.map_structure(np.asarray, part) for part in parts]
    return tf.nest.map_structure(lambda *x: np.concatenate(x), *arrays)


def _over_workers(strategy, found, num_rows):
    """Joins the rows of all workers by a sum; each has 0 for other rows."""
    local = len(strategy.extended.worker_devices)

    def joined(*parts):
        rows = np.zeros((num_rows, *parts[0].shape[1:]), parts[0].dtype)
        for (first, _), part in zip(found, parts, strict=True):
            if first is not None:
                rows[first : first + len(part)] = part
        values = strategy.experimental_distribute_values_from_function(
            # One replica of each worker contributes the worker's rows.
            lambda context: (
                rows
                if context.replica_id_in_sync_group % local == 0
                else np.zeros_like(rows)
            )
        )
        return strategy.reduce("SUM", values, axis=None).numpy()

    parts = [tf.nest.map_structure(np.asarray, x) for _, x in found]
    return tf.nest.map_structure(joined, *parts)


def _place(resolver):
    """Number of this process among the workers; the chief is the first."""
    workers = resolver.cluster_spec().as_dict()
    first = resolver.task_type == "worker" and "chief" in workers
    return (resolver.task_id or 0) + first
