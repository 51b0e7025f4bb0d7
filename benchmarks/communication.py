"""How many bytes the replicas of an update exchange, by its traced graph.

    python benchmarks/communication.py

Nothing is timed: the sums that an update asks for are counted while it is
traced for several logical devices of this machine.
"""

import argparse
import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

from keras_rbm import RBM, PersistentChain, Tempered, replicas

#: Visible and hidden units, and chains.
SHAPES = [
    (784, 500, 96),
    (784, 500, 960),
    (784, 500, 9600),
    (784, 2000, 96),
    (3072, 2000, 960),
]


def devices(most):
    """Logical CPU devices, before TensorFlow is used."""
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * most,
    )


def sums(make, visible, num_replicas, batch=96):
    """Bytes of each sum that one update asks for.

    Args:
        make: Function without arguments that returns a model.
        visible: Number of its visible units.
        num_replicas: Number of logical devices.
        batch: Number of examples of all replicas.

    Returns:
        List of numbers of bytes, in the order of the sums.
    """
    names = [f"CPU:{i}" for i in range(num_replicas)]
    strategy = tf.distribute.MirroredStrategy(names)
    found = {}
    all_sum = replicas.all_sum

    def counted(x):
        device = str(tf.distribute.get_replica_context().devices)
        tensors = [y for y in tf.nest.flatten(x) if y is not None]
        found.setdefault(device, []).append(
            sum(
                tf.TensorShape(y.shape).num_elements() * y.dtype.size
                for y in map(tf.convert_to_tensor, tensors)
            )
        )
        return all_sum(x)

    with strategy.scope():
        model = make()
        model.compile(keras.optimizers.SGD(0.1))
    own = tf.zeros((batch // num_replicas, visible))
    replicas.all_sum = counted
    try:
        tf.function(
            lambda: strategy.run(model.gradient_step, args=(own,)),
            autograph=False,
        ).get_concrete_function()
    finally:
        replicas.all_sum = all_sum
    first, *others = found.values()
    assert len(others) == num_replicas - 1
    assert all(x == first for x in others)
    return first


def sent(payload, num_replicas):
    """Bytes that a replica sends in a ring: 2 (R - 1) / R of the payload."""
    return 2 * (num_replicas - 1) / num_replicas * payload


def row(chain, visible, hidden, chains, num_replicas):
    """Payload of an update, its number of sums, and what each sends."""

    def make():
        sampler = Tempered(num_betas=10) if chain == "tempered" else None
        made = PersistentChain(chains, sampler=sampler)
        return RBM(visible, hidden, chain=made, seed=0)

    found = sums(make, visible, num_replicas)
    total = sum(found)
    return (
        f"| {chain} | {visible} x {hidden} | {chains} | {num_replicas} | "
        f"{len(found)} | {4 * visible * hidden / 1e6:.2f} | "
        f"{total / 1e6:.2f} | {sent(total, num_replicas) / 1e6:.2f} |"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicas", type=int, nargs="+", default=[2, 4, 8])
    arguments = parser.parse_args()
    devices(max(arguments.replicas))
    print(
        "| chain | machine | chains | replicas | sums | kernel, MB | payload, "
        "MB | sent by each in a ring, MB |\n|---|---|---:|---:|---:|---:|---:|"
        "---:|"
    )
    for shape in SHAPES:
        print(row("persistent", *shape, arguments.replicas[0]), flush=True)
    for count in arguments.replicas[1:]:
        print(row("persistent", *SHAPES[0], count), flush=True)
    print(row("tempered", *SHAPES[0], arguments.replicas[0]), flush=True)


if __name__ == "__main__":
    main()
