"""Ways through a stack of RBMs: up, down, and samples from its top."""

import tensorflow as tf

from keras_rbm import checks
from keras_rbm.typing import Array, Tensor

# What keeps the draws of the layers apart: the golden ratio in 64 bits.
_APART = 0x9E3779B97F4A7C15


class Passes:
    """What is predicted and drawn by layers one after the other.

    As with an RBM, `predict_...` are means and `sample...` are draws. A part
    of `DeepBeliefNetwork`, which has the `rbms`.
    """

    def up(self, v: Array) -> Tensor:
        """The means of the topmost layer, means all the way up.

        Args:
            v: Array of shape `(batch, visible.width)`.

        Returns:
            Tensor of shape `(batch, hidden.width)`.
        """
        for rbm in self.rbms:
            v = rbm.predict_hidden(v)
        return v

    def sample_up(self, v: Array, seed: int | None = None) -> Tensor:
        """A draw of the topmost layer, with draws all the way up.

        Args:
            v: Array of shape `(batch, visible.width)`.
            seed: Integer from 0 to 2**64 - 1: the same seed gives the same
                draw. `None` for another at each call.

        Returns:
            Tensor of shape `(batch, hidden.width)`, of states.
        """
        seed = checks.seed(seed)
        for number, rbm in enumerate(self.rbms):
            v = rbm.sample_hidden(v, layer_seed(seed, number))
        return v

    def down(self, h: Array) -> Tensor:
        """The means of the data given the topmost layer, means all the way.

        Args:
            h: Array of shape `(batch, hidden.width)`, of states or means.

        Returns:
            Tensor of shape `(batch, visible.width)`.
        """
        for rbm in reversed(self.rbms):
            h = rbm.predict_visible(h)
        return h

    def sample_down(self, h: Array, seed: int | None = None) -> Tensor:
        """A draw of the data given the topmost layer, draws all the way.

        Args:
            h: Array of shape `(batch, hidden.width)`, of states or means.
            seed: As for `sample_up`.

        Returns:
            Tensor of shape `(batch, visible.width)`, of states.
        """
        return self._drawn_down(h, self.rbms, checks.seed(seed))

    def predict_reconstruction(self, v: Array) -> Tensor:
        """`down(up(v))`: a pass up and down, without draws."""
        return self.down(self.up(v))

    def reconstruct(self, v: Array, seed: int | None = None) -> Tensor:
        """`sample_down(sample_up(v))`: a pass up and down, by draws."""
        seed = checks.seed(seed)
        return self.sample_down(self.sample_up(v, seed), seed)

    def sample(
        self,
        num_samples: int | None,
        num_sweeps: int = 1000,
        seed: int | None = None,
        **kwargs,
    ) -> Tensor:
        """Draws from the network, p(v).

        By Gibbs sampling in the topmost RBM, and draws from there down.

        Args:
            num_samples: Number of chains.
            num_sweeps: Number of sweeps of each chain in the topmost RBM.
            seed: Integer from 0 to 2**64 - 1: the same seed gives the same
                samples. `None` for others at each call.
            **kwargs: Further arguments of `RBM.sample` in the topmost RBM,
                such as `start="chains"`, `sampler` or `verbose`.

        Returns:
            Tensor of shape `(num_samples, visible.width)`, of states.

        Raises:
            ValueError: If an argument is not as described.
        """
        seed = checks.seed(seed)
        v = self.rbms[-1].sample(num_samples, num_sweeps, seed=seed, **kwargs)
        return self._drawn_down(v, self.rbms[:-1], seed)

    def predict_sample(
        self,
        num_samples: int | None,
        num_sweeps: int = 1000,
        seed: int | None = None,
        **kwargs,
    ) -> Tensor:
        """E[v | h_1] of samples of h_1: smoother pictures than `sample`.

        Args:
            num_samples: As for `sample`, as are the others.
            num_sweeps: Number of sweeps.
            seed: Integer, or `None`.
            **kwargs: As for `sample`.

        Returns:
            Tensor of shape `(num_samples, visible.width)`, of means.

        Raises:
            ValueError: If an argument is not as described.
        """
        seed = checks.seed(seed)
        top, lowest = self.rbms[-1], self.rbms[0]
        h = top.sample(num_samples, num_sweeps, seed=seed, **kwargs)
        if top is lowest:
            h = lowest.sample_hidden(h, seed)
        h = self._drawn_down(h, self.rbms[1:-1], seed)
        return lowest.predict_visible(h)

    def _drawn_down(self, h, rbms, seed):
        for rbm in reversed(rbms):
            h = rbm.sample_visible(h, layer_seed(seed, self.rbms.index(rbm)))
        return h


def layer_seed(seed: int | Tensor, layer: int) -> int | Tensor:
    """A seed for each layer, of one for all.

    Args:
        seed: Integer from 0 to 2**64 - 1, or a scalar integer tensor.
        layer: Number of the layer, from 0 on.

    Returns:
        Integer from 0 to 2**64 - 1; of a tensor, the same in `uint64`.
    """
    apart = (layer + 1) * _APART % 2**64
    if tf.is_tensor(seed):  # Whose sums wrap round.
        return tf.cast(seed, "uint64") + tf.constant(apart, "uint64")
    return (checks.seed(seed) + apart) % 2**64
