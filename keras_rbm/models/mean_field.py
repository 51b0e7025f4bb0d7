"""The variational posterior of a machine with two hidden layers."""

from keras import ops

from keras_rbm import machine as machine_lib
from keras_rbm.compiled import compiled

# Mean-field steps where likelihoods are measured.
_MEASURED_STEPS = 30


def posterior(machine, v, num_steps):
    """Means of q(h1) q(h2), the best factorized law given v.

    Each step makes, from a guess of the top layer,

        E[h1] = mean of h1 given (v, E[h2])
        E[h2] = mean of h2 given E[h1]

    which never lowers the bound on log p(v). The first guess of the first
    layer counts what comes from v twice, as if the top layer brought as much
    again.

    Args:
        machine: A `Machine` whose visible side is the `Composite` (v, h2),
            and whose hidden side is h1.
        v: Tensor of shape `(batch, features)`.
        num_steps: Number of steps.

    Returns:
        Tuple of E[h1], of shape `(batch, hidden.width)`, and E[h2].

    Reference: Salakhutdinov and Hinton (2009), "Deep Boltzmann machines",
        sections 2.2 and 3.
    """
    features, top = machine.visible.parts
    up = machine.kernel[features.width :]
    params = {"bias": machine.visible_params["bias"][features.width :]}
    from_v = _inputs(machine, v, machine.kernel[: features.width])

    def first(inputs):
        return machine.hidden.mean(inputs, machine.hidden_params)

    def second(h1):
        return top.mean(_inputs(machine, h1, ops.transpose(up)), params)

    def step(_, h2):
        return second(first(from_v + _inputs(machine, h2, up)))

    h2 = ops.fori_loop(0, num_steps, step, second(first(2.0 * from_v)))
    return first(from_v + _inputs(machine, h2, up)), h2


compiled_posterior = compiled(posterior)


def completed(machine, v, num_steps):
    """Rows (v, E[h2]), of shape `(batch, visible.width)`."""
    _, h2 = posterior(machine, v, num_steps)
    return ops.concatenate([v, ops.cast(h2, v.dtype)], axis=1)


def bound(machine, rows):
    """E_q[-E(v, h1, h2)] + H(q) <= log p(v) + log Z, of each example.

    The best q(h1) for the means of h2 makes it -F(v, E[h2]) + H(q(h2)), with
    F the free energy of rows of the machine.

    Args:
        machine: As for `posterior`; h2 are binary units.
        rows: What `completed` returned.

    Returns:
        Tensor of shape `(batch,)`, in nats.

    Reference: Salakhutdinov and Hinton (2009), section 2.2.
    """
    h2 = rows[:, machine.visible.parts[0].width :]
    entropy = ops.sum(_surprise(h2) + _surprise(1.0 - h2), axis=1)
    return entropy - machine_lib.free_energy(machine, rows)


@compiled
def measured_bound(machine, v):
    """`bound` of examples v, after many steps."""
    return bound(machine, completed(machine, v, _MEASURED_STEPS))


def _inputs(machine, x, kernel):
    """What a part of the kernel sends, in the dtype of the parameters."""
    product = ops.matmul(ops.cast(x, kernel.dtype), kernel)
    return machine.beta * ops.cast(product, machine_lib.dtype(machine))


def _surprise(p):
    """-p log p, 0 at 0."""
    return -p * ops.log(ops.where(p > 0, p, ops.ones_like(p)))
