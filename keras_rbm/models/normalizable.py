"""Whether exp(-E) has an integral, whatever a model learns."""

import math

from keras_rbm.constraints import SpectralBound


def check(parameters, inverse_temperature=1.0):
    """Checks that no update can take a machine's log Z to infinity.

    With one bounded side it never is. With two that are not, exp(-E) falls
    off in all directions while beta^2 ||W||^2 is less than the product of
    their curvatures: for Gaussian units, while the joint precision is
    positive definite.

    Args:
        parameters: What has `visible` and `hidden`, the `Units` of both sides,
            and `kernel_constraint`, a Keras constraint or `None`.
        inverse_temperature: beta, what the energy is multiplied by.

    Raises:
        ValueError: If both sides are without bound, and the constraint is no
            `SpectralBound` that is tight enough.
    """
    visible, hidden = parameters.visible, parameters.hidden
    constraint = parameters.kernel_constraint
    curvatures = [
        side.least_curvature(inverse_temperature) for side in (visible, hidden)
    ]
    if math.inf in curvatures:
        return
    limit = math.sqrt(math.prod(curvatures)) / inverse_temperature
    if isinstance(constraint, SpectralBound) and constraint.value < limit:
        return
    way_out = (
        "or keep the kernel small: kernel_constraint=SpectralBound(value) with "
        f"a value below {limit:g}, which larger precisions (`precision` or "
        "`minimum_precision` of the units) would raise"
        if limit
        else "as no kernel is small enough for them"
    )
    raise ValueError(
        "`visible` and `hidden` must not both be without bound: exp(-E) then "
        "grows along some direction once the kernel does, and there is no "
        "distribution. Make one of them bounded, such as Bernoulli, "
        f"{way_out}. Received: visible={visible}, hidden={hidden}, "
        f"kernel_constraint={_told(constraint)}, "
        f"inverse_temperature={inverse_temperature:g}"
    )


def _told(constraint):
    if isinstance(constraint, SpectralBound):
        return f"SpectralBound({constraint.value:g})"
    return constraint
