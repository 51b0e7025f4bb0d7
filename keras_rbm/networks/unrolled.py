"""A stack of RBMs turned into a feed-forward network of dense layers."""

import keras

from keras_rbm import checks
from keras_rbm.models import serving
from keras_rbm.networks.arguments import for_each


def classifier(
    rbms, num_classes, dropout=0.0, input_dropout=0.0, max_norm=None
):
    """See `DeepBeliefNetwork.to_classifier`."""
    num_classes = checks.positive_integer("num_classes", num_classes)
    rates = [_rate("input_dropout", input_dropout)]
    for rate in for_each("dropout", dropout, len(rbms)):
        rates.append(_rate("dropout", rate))
    constraint = {}
    if max_norm is not None:
        bound = checks.positive_number("max_norm", max_norm)
        constraint["kernel_constraint"] = keras.constraints.MaxNorm(
            bound, axis=0
        )
    layers = [keras.Input((rbms[0].visible.width,))]
    for number, rbm in enumerate(rbms):
        if rates[number]:
            layers.append(keras.layers.Dropout(rates[number]))
        name = f"layer_{number + 1}"
        layers.append(serving.encoder(rbm, name=name, **constraint))
    if rates[-1]:
        layers.append(keras.layers.Dropout(rates[-1]))
    # The softmax itself in float32, also under a mixed policy.
    layers.append(
        keras.layers.Dense(
            num_classes,
            activation="softmax",
            kernel_initializer="zeros",
            dtype=rbms[-1].variable_dtype,
            name="classes",
        )
    )
    return keras.Sequential(layers)


def autoencoder(rbms, code_activation=None):
    """See `DeepBeliefNetwork.to_autoencoder`."""
    layers = [keras.Input((rbms[0].visible.width,))]
    last = len(rbms) - 1
    for number, rbm in enumerate(rbms):
        own = {"name": f"encoder_{number + 1}"}
        if number == last:
            own["name"] = "code"
            if code_activation is not None:
                own["activation"] = code_activation
        layers.append(serving.encoder(rbm, **own))
    for number in range(last, -1, -1):
        own = {"name": f"decoder_{number + 1}"}
        if number == 0:  # What is compared with the data, as a softmax is.
            own["dtype"] = rbms[0].variable_dtype
        layers.append(serving.decoder(rbms[number], **own))
    return keras.Sequential(layers)


def _rate(name, value):
    """A rate of dropout, of which 0 is none."""
    return checks.fraction(name, value) if value else 0.0
