"""Whether exp(-E) has an integral, whatever a model learns."""

import math

from keras_rbm.constraints import SpectralBound


def check(parameters, inverse_temperature=1.0):
    """Checks that no update can take a machine's log Z to infinity.

    With one bounded side it never is. With two that are not, exp(-E) falls
    off in all directions while ||W||^2 is less than the product of their
    curvatures: for Gaussian units, while the joint precision is positive
    definite.

    Args:
        parameters: What has `visible` and `hidden`, the `Units` of both sides,
            and `kernel_constraint`, a Keras constraint or `None`.
        inverse_temperature: What the energy is multiplied by.

    Raises:
        ValueError: If both sides are without bound, and the constraint is no
            `SpectralBound` that is tight enough.
    """
    visible, hidden = parameters.visible, parameters.hidden
    kernel_constraint = parameters.kernel_constraint
    curvatures = visible.least_curvature, hidden.least_curvature
    if math.inf in curvatures:
        return
    # Curvature that belongs to the base measure is not scaled.
    limit = math.sqrt(math.prod(curvatures)) / max(1.0, inverse_temperature)
    if (
        isinstance(kernel_constraint, SpectralBound)
        and kernel_constraint.value < limit
    ):
        return
    way_out = (
        f"or keep the kernel small: kernel_constraint=SpectralBound(value) "
        f"with a value below {limit:g}"
        if limit
        else "as no kernel is small enough for them"
    )
    raise ValueError(
        "`visible` and `hidden` must not both be without bound: exp(-E) then "
        "grows along some direction once the kernel does, and there is no "
        "distribution. Make one of them bounded, such as Bernoulli, "
        f"{way_out}. Received: visible={visible}, hidden={hidden}, "
        f"kernel_constraint={_told(kernel_constraint)}"
    )


def _told(constraint):
    if isinstance(constraint, SpectralBound):
        return f"SpectralBound({constraint.value:g})"
    return constraint
