"""Samples of a model while it trains, whatever its chain keeps."""


def of_model(model, num_samples=100, num_sweeps=100, seed=0):
    """The fantasy particles; where there are none, draws from random starts.

    Args:
        model: A `MachineModel`.
        num_samples: At most how many.
        num_sweeps: Sweeps of each sample where the chain keeps none.
        seed: Integer; the same draws where the chain keeps none.

    Returns:
        Tensor of shape `(samples, example_units.width)`.
    """
    particles = model.fantasy_particles
    if particles is None:
        particles = model.sample(num_samples, num_sweeps=num_sweeps, seed=seed)
    return particles[:num_samples]


def can_draw(model):
    """Whether a model has learned to draw: one of p(y | x) alone has not."""
    return model.can_sample
