"""What can be asked of a model that is a machine."""

from keras import ops

from keras_rbm import machine as machine_lib
from keras_rbm.models import inputs as inputs_lib
from keras_rbm.models import sampling
from keras_rbm.models.unsupervised import UnsupervisedModel


class MachineModel(UnsupervisedModel):
    """A Keras model around a `Machine`, its current parameters.

    Subclasses have `visible` and `hidden`, the `Units` of the two sides,
    `parameters`, and `inverse_temperature`.
    """

    @property
    def kernel(self):
        """W, variable of shape `(visible.width, hidden.width)`."""
        return self.parameters.kernel

    @property
    def visible_params(self):
        """Variables of the visible units by name, such as `"bias"`."""
        return self.parameters.visible_params

    @property
    def hidden_params(self):
        """Variables of the hidden units by name, such as `"bias"`."""
        return self.parameters.hidden_params

    def machine(self):
        """The current parameters as a `Machine`, scaled by beta.

        Under a mixed policy the kernel is in the compute dtype and all else
        in that of the variables.
        """
        machine = self.parameters.machine()
        if self.inverse_temperature != 1.0:
            machine = machine_lib.scale(machine, self.inverse_temperature)
        return machine._replace(
            kernel=ops.cast(machine.kernel, self.compute_dtype)
        )

    def call(self, inputs):
        """E[h | v], of shape `(batch, hidden.width)`."""
        mean = machine_lib.hidden_mean(self.machine(), self._states(inputs))
        return ops.cast(mean, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.hidden.width)

    def free_energy(self, v):
        """F(v) = -log sum_h exp(-beta E(v, h)), of shape `(batch,)`, in nats.

        Lower is more probable: log p(v) = -F(v) - log Z.
        """
        return machine_lib.free_energy(self.machine(), self._states(v))

    def reconstruct(self, v):
        """E[v' | h = E[h | v]], of shape `(batch, visible.width)`.

        A mean-field pass up and down, without draws.
        """
        machine = self.machine()
        hidden = machine_lib.hidden_mean(machine, self._states(v))
        return machine_lib.visible_mean(machine, hidden)

    def sample(self, num_samples=None, num_sweeps=1000, start=None, seed=None):
        """Draws from the model by block Gibbs sampling.

        Args:
            num_samples: Number of chains; not needed where `start` is given.
            num_sweeps: Number of sweeps of each chain.
            start: Where the chains start, of shape `(num_samples,
                visible.width)`. `None` for draws from the visible units
                without inputs.
            seed: Integer from 0 to 2**64 - 1: the same seed gives the same
                samples. `None` for others at each call.

        Returns:
            Tensor of shape `(num_samples, visible.width)`, of states.

        Raises:
            ValueError: If an argument is not as described.
        """
        if start is not None:
            inputs_lib.check(start, self.visible, "start")
            start = self._states(start)
        return sampling.sample(
            self.machine(), num_samples, num_sweeps, start, seed
        )

    def _states(self, v):
        if ops.shape(v)[-1] != self.visible.width:
            raise ValueError(
                f"Examples must have {self.visible.width} columns, one for "
                f"each visible unit. Received: shape={tuple(ops.shape(v))}"
            )
        return ops.cast(v, self.variable_dtype)
