"""Parameters of a machine as Keras variables, and the offsets of centring."""

import contextlib
import math

import keras
import tensorflow as tf
from keras import ops

from keras_rbm import checks, replicas
from keras_rbm import machine as machine_lib
from keras_rbm.constraints import SpectralBound
from keras_rbm.machine import Machine


class Parameters(keras.layers.Layer):
    """W and the parameters of the units of both sides.

    Args:
        visible: `Units` of the visible side.
        hidden: `Units` of the hidden side.
        kernel_initializer: Keras initializer of W.
        visible_bias_initializer: Keras initializer of the visible units'
            bias, or `None` for the default of the units.
        hidden_bias_initializer: Keras initializer of the hidden units' bias,
            or `None` for the default of the units.
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
            ValueError: If W does not fit into memory, or if the dtype of the
                variables would lose small updates.
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
        if self.kernel_constraint is not None:  # Holds from the start.
            self.kernel.assign(self.kernel_constraint(self.kernel.value))
        self.visible_params = self._add(
            "visible", self.visible, self.visible_bias_initializer
        )
        self.hidden_params = self._add(
            "hidden", self.hidden, self.hidden_bias_initializer
        )

    def trained_by_fit(self):
        """Returns the variables that the model's own `fit` learns.

        The result of a call, E[h | v], does not depend on the parameters of
        the visible units. Their `variable.trainable` is therefore `False`: if
        this model is a layer of another model, Keras does not warn of missing
        gradients, and weight decay does not change them. `fit` of this model
        learns them, unless `learn_visible` is `False`.
        """
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
        """Sets the mean of the visible units without inputs.

        Does nothing if their bias has its own initializer.

        Args:
            mean: Array of shape `(visible.width,)`.
            variance: Array of the same shape, for units with a parameter for
                the variance.
            inverse_temperature: The inverse temperature of the model.
        """
        if self.visible_bias_initializer is None:
            fitted = self.visible.start_parameters(
                mean, variance, inverse_temperature
            )
            for name, value in fitted.items():
                self.visible_params[name].assign(value)

    @contextlib.contextmanager
    def tape(self):
        """A gradient tape that watches all variables.

        `centered_gradient` needs the gradient of each, also of frozen ones.
        """
        with tf.GradientTape() as tape:
            tape.watch([variable.value for variable in self.variables])
            yield tape

    def activity_penalty(self, machine, inputs, batch):
        """The regularizer of mean_i E[h | v_i], a scalar in nats.

        Args:
            machine: A `Machine`.
            inputs: Hidden inputs of this replica's examples, `(own examples,
                hidden.width)`.
            batch: The `replicas.Batch` of the examples, with their weights.
        """
        if self.hidden_activity_regularizer is None:
            return 0.0
        h = machine.hidden.mean(inputs, machine.hidden_params)
        mean = replicas.with_value_of_all(ops.matmul(batch.shares(), h))
        return self.hidden_activity_regularizer(mean)

    def get_arguments(self):
        """Returns the serialized arguments by name, without the units."""
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

    def frozen_config(self):
        """`learn_visible` for the config of the model, only if it is `False`.

        Files of models without frozen visible units stay the same.
        """
        return {} if self.learn_visible else {"learn_visible": False}

    def _in_file(self):
        """All variables in Keras's order of files: learned variables first."""
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
        """The variables of a side that are learned, or that are not."""
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
                # For the visible units, see `trained_by_fit`.
                trainable=parameter.trainable and side == "hidden",
            )
            for name, parameter in units.parameters().items()
        }


class Offsets(keras.layers.Layer):
    """mu and lambda: running means of v and of E[h | v] over the data.

    They are means of the data, never of the model's samples, so that an
    excursion of the chains does not move them.

    Args:
        momentum: Weight of the past, in [0, 1).

    Reference: Melchior, Fischer and Wiskott (2016), "How to center deep
        Boltzmann machines", section 3, with a sliding factor of 0.01.
    """

    def __init__(self, momentum=0.99, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum

    def build(self, visible_shape, hidden_shape):
        """Creates the offsets, for shapes `(None, width)` of each side."""
        self.visible, self.hidden = (
            self.add_weight(
                name=name,
                shape=shape[1:],
                initializer="zeros",
                trainable=False,
                autocast=False,
            )
            for name, shape in (
                ("visible", visible_shape),
                ("hidden", hidden_shape),
            )
        )

    def start(self, machine, mean):
        """Sets the offsets for data of the given mean, `(visible.width,)`."""
        mean = ops.cast(mean, self.visible.dtype)
        self.visible.assign(mean)
        self.hidden.assign(machine_lib.hidden_mean(machine, mean[None])[0])

    def batch_means(self, machine, v, inputs, batch):
        """The arguments of `move`, to sum over replicas.

        Args:
            machine: A `Machine`.
            v: Tensor of shape `(own examples, visible.width)`.
            inputs: Hidden inputs of `v`, `(own examples, hidden.width)`.
            batch: The `replicas.Batch` of the examples.

        Returns:
            Tuple of the sum of the examples' shares in the mean, and of the
            means of v and of E[h | v]. Over all replicas, the shares sum to 1,
            or to 0 if no example has a weight.
        """
        shares = batch.shares()
        h = machine.hidden.mean(inputs, machine.hidden_params)
        return ops.sum(shares), ops.matmul(shares, v), ops.matmul(shares, h)

    def move(self, share, visible, hidden):
        """Moves the offsets towards the `batch_means` of all replicas."""
        rate = (1 - self.momentum) * share
        for offset, mean in ((self.visible, visible), (self.hidden, hidden)):
            offset.assign(offset + rate * (mean - offset))


def check_normalizable(parameters, inverse_temperature=1.0):
    """Checks that log Z of a machine stays finite after any update.

    If a side is bounded, log Z is always finite. If both sides are unbounded,
    exp(-E) falls off in all directions as long as beta^2 ||W||^2 is less than
    the product of their curvatures. For Gaussian units, this means that the
    joint precision is positive definite.

    Args:
        parameters: An object with the attributes `visible` and `hidden`, the
            `Units` of both sides, and `kernel_constraint`, a Keras constraint
            or `None`.
        inverse_temperature: beta, the factor of the energy.

    Raises:
        ValueError: If both sides are unbounded, and the constraint is not a
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
        f"kernel_constraint={_described(constraint)}, "
        f"inverse_temperature={inverse_temperature:g}"
    )


def _value(variable):
    """The current value; `variable.value` may be the variable itself."""
    return tf.convert_to_tensor(variable.value)


def _described(constraint):
    if isinstance(constraint, SpectralBound):
        return f"SpectralBound({constraint.value:g})"
    return constraint
