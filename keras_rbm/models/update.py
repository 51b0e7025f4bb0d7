"""The gradient of one update, of one replica or of its share of all."""

import tensorflow as tf
from keras import ops

from keras_rbm import gradients, replicas


def gradient(model, v, weight, stream):
    """Moves the chains and the offsets on, and returns the gradient.

    Where replicas share a batch, each has its summand of the surrogate, and
    the gradient is the sum over all of them.

    Args:
        model: An `RBM`.
        v: Tensor of shape `(batch, visible.width)`, of this replica.
        weight: Tensor of shape `(batch,)`, or `None` for ones.
        stream: The `Stream` of this update.

    Returns:
        List of tensors, one for each of `model.trainable_variables`.
    """
    whole = replicas.batch(v, weight)
    stream = replicas.at_rows(stream, whole)
    chain, parameters = model.chain, model.parameters
    totals = total = None
    if whole is not None:
        total = whole.weight
        chains = chain.num_samples(whole.examples)
        totals = gradients.Totals(whole.examples, total, chains)
    machine = model.machine()
    v_model = chain.advance(machine, v, stream)
    model_weight = chain.model_weight(machine, v_model)
    batch = ops.shape(v)[0]
    with tf.GradientTape() as tape:
        # Centring mixes the three gradients, also where one is frozen.
        tape.watch([p.value for p in parameters.variables])
        machine = model.machine()
        objective, inputs = model.objective(
            machine, v, v_model, weight, model_weight, totals
        )
        penalty = parameters.activity_penalty(
            machine, inputs[:batch], weight, total
        )
        # That of the weights counts once, however many replicas add it.
        objective = objective + penalty + sum(model.losses) / replicas.count()
        objective = model.optimizer.scale_loss(objective)
    slopes = parameters.slopes(tape, objective)
    chain.persist(machine, inputs[batch:], stream)
    means = None
    if model.offsets is not None:
        means = model.offsets.means(machine, v, inputs[:batch], weight, total)
    slopes, means = replicas.all_sum((slopes, means))
    if means is not None:
        model.offsets.move(*means)
        slopes = parameters.center(slopes, model.offsets)
    return [slopes[v.path] for v in model.trainable_variables]
