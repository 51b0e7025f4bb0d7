"""The parameters of a machine as Keras variables."""

import keras
import tensorflow as tf
from keras import ops

from keras_rbm import checks, gradients, replicas
from keras_rbm.machine import Machine


class Parameters(keras.layers.Layer):
    """W and the parameters of the units of both sides.

    Args:
        visible: `Units` of the visible side.
        hidden: `Units` of the hidden side.
        kernel_initializer: Keras initializer of W.
        visible_bias_initializer: Keras initializer of the visible units'
            bias, or `None` for what the units say.
        hidden_bias_initializer: The same for the hidden units.
        kernel_regularizer: Keras regularizer of W, or `None`.
        kernel_constraint: Keras constraint of W, or `None`.
        hidden_activity_regularizer: Keras regularizer of the mean activities
            of the hidden units, or `None`.
        **kwargs: `dtype` and `name` of a Keras layer.
    """

    def __init__(
        self,
        visible,
        hidden,
        kernel_initializer,
        visible_bias_initializer,
        hidden_bias_initializer,
        kernel_regularizer,
        kernel_constraint,
        hidden_activity_regularizer,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.visible = visible
        self.hidden = hidden
        get = keras.initializers.get
        self.kernel_initializer = get(kernel_initializer)
        self.visible_bias_initializer = get(visible_bias_initializer)
        self.hidden_bias_initializer = get(hidden_bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.hidden_activity_regularizer = keras.regularizers.get(
            hidden_activity_regularizer
        )
        #: Whether a model's own `fit` learns the visible units' parameters.
        self.learn_visible = True

    def build(self):
        """Creates the variables.

        Raises:
            ValueError: If W would not fit into memory, or would be kept in a
                dtype that loses small updates.
        """
        checks.in_memory("kernel", (self.visible.width, self.hidden.width))
        if self.variable_dtype not in ("float32", "float64"):
            raise ValueError(
                "`dtype` must keep the parameters in float32 or float64: in "
                "fewer bits small updates are rounded away. Use "
                '"mixed_bfloat16" or "mixed_float16" for fast products. '
                f"Received: dtype={self.variable_dtype!r}"
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.visible.width, self.hidden.width),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.kernel_constraint is not None:  # From the start.
            self.kernel.assign(self.kernel_constraint(self.kernel.value))
        self.visible_params = self._add(
            "visible", self.visible, self.visible_bias_initializer
        )
        self.hidden_params = self._add(
            "hidden", self.hidden, self.hidden_bias_initializer
        )

    def learned(self):
        """Returns the variables that the model's own `fit` learns."""
        visible = self._of_type(self.visible, self.visible_params, True)
        hidden = [v for v in self.hidden_params.values() if v.trainable]
        return [
            *([self.kernel] if self.kernel.trainable else []),
            *(visible if self.learn_visible and self.trainable else []),
            *hidden,
        ]

    def save_own_variables(self, store):
        for number, variable in enumerate(self._in_file()):
            store[str(number)] = variable

    def load_own_variables(self, store):
        variables = self._in_file()
        if len(store.keys()) != len(variables):
            raise ValueError(
                f"A file must have {len(variables)} parameters of the units "
                f"and the kernel. Received: {len(store.keys())}"
            )
        for number, variable in enumerate(variables):
            variable.assign(store[str(number)])

    def machine(self):
        """Returns the current values as a `Machine`."""
        return Machine(
            visible=self.visible,
            hidden=self.hidden,
            kernel=_value(self.kernel),
            visible_params={
                name: _value(v) for name, v in self.visible_params.items()
            },
            hidden_params={
                name: _value(v) for name, v in self.hidden_params.items()
            },
        )

    def start(self, mean, variance, inverse_temperature):
        """Gives the visible units this mean, if there are no inputs.

        Unless their bias has an initializer of its own.

        Args:
            mean: Array of shape `(visible.width,)`.
            variance: The same, for units that have a parameter for it.
            inverse_temperature: What the machine is scaled by.
        """
        if self.visible_bias_initializer is None:
            fitted = self.visible.start_parameters(
                mean, variance, inverse_temperature
            )
            for name, value in fitted.items():
                self.visible_params[name].assign(value)

    def activity_penalty(self, machine, inputs, weight=None, total=None):
        """The regularizer of mean_i E[h | v_i], a scalar in nats.

        Args:
            machine: A `Machine`.
            inputs: Hidden inputs of the data, `(batch, hidden.width)`.
            weight: Tensor of shape `(batch,)`, or `None` for ones: the mean
                is divided by the sum of the weights.
            total: The sum of the weights of all replicas; `None` for that of
                `weight`.
        """
        if self.hidden_activity_regularizer is None:
            return 0.0
        h = machine.hidden.mean(inputs, machine.hidden_params)
        shares = gradients.shares(inputs, weight, total)
        mean = ops.matmul(shares, h)
        if total is not None:
            # The value is that of all rows, the gradient this part's share.
            own = ops.stop_gradient(mean)
            mean = mean + replicas.all_sum(own) - own
        return self.hidden_activity_regularizer(mean)

    def slopes(self, tape, objective):
        """Returns `{path of a variable: gradient of the objective}`."""
        slopes = tape.gradient(objective, self.variables)
        paths = [variable.path for variable in self.variables]
        return dict(zip(paths, slopes, strict=True))

    def center(self, slopes, offsets):
        """Returns the slopes with those of W and of the biases centred.

        Args:
            slopes: What `slopes` returned.
            offsets: `Offsets`.
        """
        paths = [
            variable.path
            for variable in (
                self.kernel,
                self.visible_params["bias"],
                self.hidden_params["bias"],
            )
        ]
        centered = offsets.center(*(slopes[path] for path in paths))
        return slopes | dict(zip(paths, centered, strict=True))

    def get_arguments(self):
        """Returns the arguments but for the units, serialized by name."""
        names = (
            "kernel_initializer",
            "visible_bias_initializer",
            "hidden_bias_initializer",
            "kernel_regularizer",
            "kernel_constraint",
            "hidden_activity_regularizer",
        )
        serialize = keras.saving.serialize_keras_object
        return {name: serialize(getattr(self, name)) for name in names}

    def _in_file(self):
        """All variables: what is learned first, as Keras would do it."""
        sides = (
            (self.visible, self.visible_params),
            (self.hidden, self.hidden_params),
        )
        return [self.kernel] + [
            variable
            for kind in (True, False)
            for side in sides
            for variable in self._of_type(*side, kind)
        ]

    def _of_type(self, units, variables, trainable):
        """Those variables of a side that are learned, or that are not."""
        return [
            variables[name]
            for name, parameter in units.parameters().items()
            if parameter.trainable == trainable
        ]

    def _add(self, side, units, bias_initializer):
        return {
            name: self.add_weight(
                name=f"{side}_{name}",
                shape=parameter.shape,
                initializer=bias_initializer
                if name == "bias" and bias_initializer is not None
                else parameter.initializer,
                constraint=parameter.constraint,
                # Those of the visible units are as `Learned` says.
                trainable=parameter.trainable and side == "hidden",
            )
            for name, parameter in units.parameters().items()
        }


def _value(variable):
    """The value as it is now: Keras would hand out the variable itself."""
    return tf.convert_to_tensor(variable.value)
