"""Units that are independent of each other, given their inputs."""

import abc

from keras import ops

from keras_rbm.typing import Array, Params, Tensor
from keras_rbm.units.base import Units


class Termwise(Units):
    """Units whose log-partition is a sum with one term for each unit.

    Subclasses implement `log_partitions` instead of `log_partition`. Changes
    of the log-partition are computed term by term. The difference of
    two sums would have larger rounding errors, which matters because
    annealing adds up thousands of changes.
    """

    @abc.abstractmethod
    def log_partitions(self, inputs: Array, params: Params) -> Tensor:
        """The log of sum_x exp(-energy(x) + inputs x) for each unit.

        Args:
            inputs: Tensor of shape `(batch, width)`.
            params: Dictionary of tensors with the keys of `parameters`.

        Returns:
            Tensor of shape `(batch, size)`, in nats.
        """

    def log_partition(self, inputs: Array, params: Params) -> Tensor:
        return ops.sum(self.log_partitions(inputs, params), axis=-1)

    def log_partition_change(
        self,
        inputs: Array,
        params: Params,
        new_inputs: Array,
        new_params: Params,
    ) -> Tensor:
        old = self.log_partitions(inputs, params)
        new = self.log_partitions(new_inputs, new_params)
        return ops.sum(new - old, axis=-1)
