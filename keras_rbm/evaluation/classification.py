"""How well a model tells the class of examples."""

import numpy as np

from keras_rbm.models import ClassRBM


def figures(model, v):
    """Error and mean log p(y | x) of a `ClassRBM`.

    Args:
        model: A model.
        v: Array of shape `(examples, visible.width)`, rows (x, one-hot y).

    Returns:
        `{"classification": {"error": ..., "standard_error": ...,
        "conditional_log_likelihood": ...}}`; nothing in it for a model
        without classes.
    """
    if not isinstance(model, ClassRBM):
        return {}
    x, labels = np.split(v, [model.features.width], axis=1)
    p = model.class_probabilities(x).astype("float64")
    own = labels.argmax(axis=1)
    error = np.mean(p.argmax(axis=1) != own)
    # A probability that float32 has no number for counts as the least one.
    likely = np.maximum(p[np.arange(len(p)), own], np.finfo("float32").tiny)
    return {
        "classification": {
            "error": float(error),
            "standard_error": float(np.sqrt(error * (1 - error) / len(p))),
            "conditional_log_likelihood": float(np.log(likely).mean()),
        }
    }


def lines(splits):
    """The figures of all splits in words, a line for each.

    Args:
        splits: `splits` of an evaluation.

    Returns:
        List of strings, none for a model without classes.
    """
    return [
        f"Error of p(y | x) on {split}: {100 * found['error']:.2f} % +- "
        f"{100 * found['standard_error']:.2f}; mean log p(y | x) "
        f"{found['conditional_log_likelihood']:.4f} nats."
        for split, row in splits.items()
        if (found := row.get("classification"))
    ]
