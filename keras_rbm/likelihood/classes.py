"""Exact class probabilities given the features, p(y | x)."""

from keras import ops

from keras_rbm import machine as machine_lib
from keras_rbm.machine import Machine
from keras_rbm.typing import Array, Tensor


def log_class_probabilities(
    machine: Machine, num_classes: int, inputs: Tensor
) -> Tensor:
    """Log p(y | x) of all classes, if the last columns of v are a label.

    Let d be the bias of the label, U the rows of the kernel that belong to the
    label, and A the `log_partition` of the hidden units, log sum_h
    exp(<inputs, h> - energy(h)). Then

        log p(y | x) = d_y + A(x W + U_y) - log sum_k exp(d_k + A(x W + U_k))

    for hidden units of any type. Neither sampling nor log Z is needed.

    Args:
        machine: A `Machine` whose last `num_classes` visible columns are one
            unit of a `Softmax`.
        num_classes: Number of classes.
        inputs: Inputs of the hidden units from the features alone, x W, of
            shape `(batch, hidden.width)`. See `feature_inputs`.

    Returns:
        Tensor of shape `(batch, num_classes)`, in nats.

    Reference: Larochelle and Bengio (2008), "Classification using
        discriminative restricted Boltzmann machines", section 2.

    Example:
        model = keras_rbm.ClassRBM(16, 2, 8, seed=0)
        machine = model.machine()
        inputs = likelihood.feature_inputs(machine, x)
        log_p = likelihood.log_class_probabilities(machine, 2, inputs)
    """
    rows = class_inputs(machine, num_classes)
    both = ops.expand_dims(inputs, 1) + rows
    log_partition = machine.hidden.log_partition(
        ops.reshape(both, (-1, machine.hidden.width)), machine.hidden_params
    )
    bias = machine.visible_params["bias"][-num_classes:]
    logits = ops.reshape(log_partition, (-1, num_classes)) + bias
    return logits - ops.logsumexp(logits, axis=1, keepdims=True)


def class_inputs(machine: Machine, num_classes: int) -> Tensor:
    """Inputs of the hidden units from each class, `(classes, width)`.

    Example:
        model = keras_rbm.ClassRBM(16, 2, 8, seed=0)
        inputs = likelihood.class_inputs(model.machine(), 2)  # (2, 8)
    """
    label = machine._replace(kernel=machine.kernel[-num_classes:])
    one_hot = ops.eye(num_classes, dtype=machine.kernel.dtype)
    return machine_lib.hidden_inputs(label, one_hot)


def feature_inputs(machine: Machine, x: Array) -> Tensor:
    """Inputs of the hidden units from features alone, `(batch, width)`.

    Args:
        machine: A `Machine`.
        x: Tensor of shape `(batch, features)`, the first visible columns.

    Example:
        model = keras_rbm.ClassRBM(16, 2, 8, seed=0)
        inputs = likelihood.feature_inputs(model.machine(), x)  # (len(x), 8)
    """
    features = machine._replace(kernel=machine.kernel[: x.shape[1]])
    return machine_lib.hidden_inputs(features, x)
