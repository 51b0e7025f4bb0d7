"""Which variables learn: by the model itself, and within another one."""

import keras


class Learned:
    """Two answers to what is trainable, of a model that has `parameters`.

    What a call gives, E[h | v], does not depend on the parameters of the
    visible units. To another model that this one is a layer of they are no
    trainable variables, as Keras has it (`variable.trainable`): nothing warns
    of a missing gradient, and no weight decay moves them. `fit` of the model
    itself learns them, unless `parameters.learn_visible` is `False`.
    """

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """What `fit` learns."""
        return self._first(super().trainable_variables)

    @property
    def trainable_weights(self) -> list[keras.Variable]:
        """What `fit` learns."""
        return self._first(super().trainable_weights)

    @property
    def non_trainable_variables(self) -> list[keras.Variable]:
        """All other variables."""
        return self._but(super().non_trainable_variables)

    @property
    def non_trainable_weights(self) -> list[keras.Variable]:
        """All other weights."""
        return self._but(super().non_trainable_weights)

    def _first(self, variables):
        learned = self.parameters.learned() if self.trainable else []
        known = {id(v) for v in learned}
        return learned + [v for v in variables if id(v) not in known]

    def _but(self, variables):
        known = {id(v) for v in self.trainable_variables}
        return [v for v in variables if id(v) not in known]
