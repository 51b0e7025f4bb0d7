"""Units that are independent of each other, given their inputs."""

import abc

from keras import ops

from keras_rbm.typing import Array, Params, Tensor
from keras_rbm.units.base import Units


class Termwise(Units):
    """Units whose log-partition is a sum with a term for each of them.

    Subclasses implement `log_partitions` in place of `log_partition`. A
    change of it is then taken term by term, which is rounded less than a
    difference of two sums: annealing adds up thousands of such changes.
    """

    @abc.abstractmethod
    def log_partitions(self, inputs: Array, params: Params) -> Tensor:
        """The log of sum_x exp(-energy(x) + inputs x) of each unit.

        Args:
            inputs: Tensor of shape `(batch, width)`.
            params: Tensors by the names of `parameters`.

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
