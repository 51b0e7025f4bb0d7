"""The deep Boltzmann machine of two hidden layers."""

import keras
import numpy as np
from keras import ops

from keras_rbm import checks, random, units
from keras_rbm.chains import PersistentChain
from keras_rbm.models import mean_field, sampling, top_layer
from keras_rbm.models.dbm_metrics import DBMMetrics
from keras_rbm.models.moments import moments
from keras_rbm.models.rbm import RBM
from keras_rbm.models.variational import Variational

# The stream of draws of h1, apart from those of training.
_HIDDEN = 2**33 + 101


@keras.saving.register_keras_serializable("keras_rbm")
class DeepBoltzmannMachine(Variational, RBM):
    """p(v, h1, h2) ~ exp(<v, W1 h1> + <h1, W2 h2> + biases): three layers.

    Layers are coupled to their neighbours alone, so that the odd one, h1, and
    the even ones, (v, h2), are the sides of an RBM, whose kernel is W1 above
    W2^T. Its chains, centring, annealing and tempering are those of this model.
    What is new is the positive phase: given v, the hidden layers are not
    independent, and their means come from mean field. `fit` follows the
    gradient of the variational bound on log p(v).

    What takes or gives `v` here is of the features' width. Draws of the whole,
    (v, h2), are those of `machine()`.

    Args:
        features: `Units` of v, or an integer for that many `Bernoulli` units.
        hidden: Number of binary units of the first hidden layer.
        top: Number of binary units of the second hidden layer.
        chain: A `Chain`; `None` for `PersistentChain()`.
        num_mean_field: Number of mean-field steps in an update.
        **kwargs: Further arguments of `RBM`.

    Raises:
        ValueError: If an argument is not as described.

    Reference: Salakhutdinov and Hinton (2009), "Deep Boltzmann machines";
        Montavon and Mueller (2012), "Deep Boltzmann machines and the
        centering trick".
    """

    def __init__(
        self, features, hidden, top, chain=None, num_mean_field=10, **kwargs
    ):
        features = units.get("features", features)
        hidden, top = units.get("hidden", hidden), units.get("top", top)
        for name, side in (("hidden", hidden), ("top", top)):
            if not isinstance(side, units.Bernoulli):
                raise ValueError(
                    f"`{name}` must be binary units, or how many. Received: "
                    f"{name}={side}"
                )
        self._steps = checks.positive_integer("num_mean_field", num_mean_field)
        chain = PersistentChain() if chain is None else chain
        visible = units.Composite(features, top)
        super().__init__(visible, hidden, chain, **kwargs)
        self.features, self.top = features, top
        self._figures = DBMMetrics(visible)

    @property
    def example_units(self):
        return self.visible.parts[0]

    def posterior(self, v):
        """E[h1] and E[h2] given v, by mean field.

        Args:
            v: Array of shape `(batch, features.width)`.

        Returns:
            Tuple of tensors of shape `(batch, hidden.width)` and `(batch,
            top.width)`.
        """
        v = self._states(self._checked_states(v))
        return mean_field.compiled_posterior(self.machine(), v, self._steps)

    def call(self, inputs):
        """E[h2 | v] by mean field, of shape `(batch, top.width)`."""
        machine, v = self.machine(), self._states(inputs)
        _, h2 = mean_field.posterior(machine, v, self._steps)
        return ops.cast(h2, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.top.width)

    def machine_states(self, v):
        """Rows (v, E[h2]) of the machine, for examples v."""
        return mean_field.completed(
            self.machine(), self._states(v), self._steps
        )

    @property
    def fantasy_particles(self):
        """The persistent chains: draws of v, `(chains, features.width)`."""
        particles = self.machine_particles
        return None if particles is None else self._features_of(particles)

    @property
    def machine_particles(self):
        """The same with the top layer, draws of (v, h2)."""
        return super().fantasy_particles

    def predict_hidden(self, v):
        """E[h1 | v] by mean field, of shape `(batch, hidden.width)`."""
        return self.posterior(v)[0]

    def sample_hidden(self, v, seed=None):
        """A draw of h1 from mean field, of shape `(batch, hidden.width)`."""
        stream = sampling.stream(seed, _HIDDEN)
        return random.bernoulli(stream, self.posterior(v)[0])

    def predict_visible(self, h):
        """E[v | h1], of shape `(batch, features.width)`."""
        return self._features_of(super().predict_visible(h))

    def sample_visible(self, h, seed=None):
        """A draw of v given h1, of shape `(batch, features.width)`."""
        return self._features_of(super().sample_visible(h, seed))

    def predict_reconstruction(self, v):
        """E[v | E[h1]], with the means of mean field, of the shape of `v`."""
        return self.predict_visible(self.posterior(v)[0])

    def sample(
        self,
        num_samples=None,
        num_sweeps=1000,
        start=None,
        clamp=None,
        **kwargs,
    ):
        """Draws of v from the model, as `RBM.sample`.

        Where `start` gives v, the top layer starts from mean field.
        """
        if start is not None and not isinstance(start, str):
            start = top_layer.drawn(self, start, kwargs.get("seed"))
        if clamp is not None:
            clamp = top_layer.mask(self, clamp, False)
        return self._features_of(
            super().sample(num_samples, num_sweeps, start, clamp, **kwargs)
        )

    def denoise(self, v, num_sweeps=10, seed=None, **kwargs):
        """Means of v along chains from it, as `RBM.denoise`."""
        rows = top_layer.drawn(self, v, seed)
        means = super().denoise(rows, num_sweeps, seed, **kwargs)
        return self._features_of(means)

    def inpaint(self, v, mask, *args, **kwargs):
        """A draw of the missing entries of v, as `RBM.inpaint`."""
        return self._features_of(
            super().inpaint(*top_layer.missing(self, v, mask), *args, **kwargs)
        )

    def predict_missing(self, v, mask, *args, **kwargs):
        """Means of the missing entries of v, as `RBM.predict_missing`."""
        means = super().predict_missing(
            *top_layer.missing(self, v, mask), *args, **kwargs
        )
        return self._features_of(means)

    def get_config(self):
        config = super().get_config()
        del config["visible"]
        serialize = keras.saving.serialize_keras_object
        return {
            **config,
            "features": serialize(self.features),
            "top": serialize(self.top),
            "num_mean_field": self._steps,
        }

    def _base_moments(self):
        """Those of the examples, and the running means of the top layer."""
        mean, variance = super()._base_moments()
        if self.offsets is None or not ops.convert_to_numpy(self.updates):
            return mean, variance
        top = self.offsets.visible.value[self.features.width :]
        return ops.concatenate([self._features_of(mean), top]), variance

    def _moments(self, x, sample_weight):
        """Those of the examples; binary units at 1/2 for the top layer."""
        rest = np.full(self.top.width, 0.5), np.full(self.top.width, 0.25)
        own = moments(x, self.features, "x", sample_weight)
        return tuple(map(np.append, own, rest))

    def _served_start(self, v, seed):
        v = self._states(v)
        _, h2 = mean_field.posterior(self.machine(), v, self._steps)
        return top_layer.with_draws(v, h2, seed)

    def _features_of(self, rows):
        return rows[..., : self.features.width]
