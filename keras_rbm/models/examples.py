"""Functions behind `fit(x)`: which examples a model accepts, and checks."""

import contextlib
import itertools
import types
from numbers import Real

import keras
import numpy as np
import tensorflow as tf

from keras_rbm import checks, devices, rows
from keras_rbm.compiled import without_autograph
from keras_rbm.rows import Rows
from keras_rbm.units.domain import ColumnStatistics, Domain

# `moments` reads at most this many batches of a data set.
_MEAN_BATCHES = 100
# `some` reads at most this many batches of a data set.
_BATCHES_OF_SOME = 20
_NO_WEIGHT = (
    "`{name}` must be positive for some of the examples. Received: weights "
    "that are 0 for all"
)
# Reasons for refusing batches. The key of a reason is the mark that the error
# of the data set contains.
_REFUSED: dict[str, str] = {}
_MARKS = itertools.count()


def is_dataset(x):
    """Whether `x` is a `tf.data.Dataset` of batches."""
    return isinstance(x, tf.data.Dataset)


def from_batches(x):
    """A `tf.data.Dataset` from a `PyDataset` or a generator of batches.

    Args:
        x: A `keras.utils.PyDataset` or a generator of batches x, (x, y) or
            (x, y, sample_weight), where y and the weights may be `None`. All
            other data are returned unchanged.

    Raises:
        ValueError: If a generator gives no batch, or the first batch is not as
            described.
    """
    if isinstance(x, keras.utils.PyDataset):
        count = x.num_batches

        def batches():
            x.on_epoch_begin()
            for number in range(count) if count else itertools.count():
                yield _as_batch(x[number])
            x.on_epoch_end()

        first = _as_batch(x[0])
    elif isinstance(x, types.GeneratorType):
        first = next(x, None)
        if first is None:
            raise ValueError(
                "`x` must give at least one batch. Received a generator that "
                "gives none."
            )
        first = _as_batch(first)
        rest, count = itertools.chain([first], map(_as_batch, x)), None

        def batches():
            return rest
    else:
        return x
    signature = tf.nest.map_structure(
        lambda part: tf.TensorSpec([None, *part.shape[1:]], part.dtype), first
    )
    dataset = tf.data.Dataset.from_generator(
        batches, output_signature=signature
    )
    cardinality = count or tf.data.INFINITE_CARDINALITY
    return dataset.apply(tf.data.experimental.assert_cardinality(cardinality))


def _as_batch(batch):
    """The arrays of a batch, as a data set has them.

    A data set has no `None`: zeros, which nothing uses, take the place of
    missing targets that precede weights. They are floating, so that a
    `ClassRBM` does not take them for labels.
    """
    parts = list(batch) if isinstance(batch, tuple | list) else [batch]
    while parts and parts[-1] is None:
        parts.pop()
    if not parts or parts[0] is None:
        raise ValueError(
            "`x` must give batches x, (x, y) or (x, y, sample_weight). "
            "Received a batch without x."
        )
    parts[0] = np.asarray(parts[0])
    if len(parts) == 3 and parts[1] is None:
        parts[1] = np.zeros(parts[0].shape[:1], "float32")
    parts = tuple(map(np.asarray, parts))
    return parts[0] if len(parts) == 1 else parts


def has_missing(x):
    """Whether entries of an array, or of `Rows`, are missing (NaN).

    Args:
        x: Array or `Rows`. It cannot be a data set, whose batches are not
            known yet.
    """
    if x.dtype.kind != "f":
        return False
    if not isinstance(x, Rows):
        return bool(np.isnan(x).any())
    return any(np.isnan(part).any() for _, part in rows.parts(x))


def is_known_to_miss(x):
    """Whether entries are missing; `False` for symbolic tensors."""
    if _is_symbolic(x):
        return False
    return has_missing(np.asarray(x))


def without_values(x):
    """Which rows have no observed entry: booleans of shape `(rows,)`."""
    return np.concatenate(
        [np.isnan(part).all(axis=1) for _, part in rows.parts(x)]
    )


def masked(x, mask, name="x"):
    """Sets entries of the data to NaN where the mask is `True`.

    Args:
        x: Array, masked array, data frame, sparse matrix, memory-mapped array
            or dataset of h5py.
        mask: Boolean array, data frame or sparse matrix of the shape of `x`,
            or of the shape of one example; `True` where an entry is missing.
        name: The argument's name, for errors.

    Returns:
        Floating array or `Rows`; `x` itself if `mask` is `None`.

    Raises:
        ValueError: If the mask has another shape or is not boolean, if `x` is
            a data set, or if `x` is NaN where the mask is `False`.
    """
    if mask is None:
        return x
    if is_dataset(x):
        raise ValueError(
            "`mask` must be left out for a tf.data.Dataset: put NaN where "
            "entries are missing. Received: a tf.data.Dataset with a mask"
        )
    x = rows.of(name, checks.from_frame(name, x))
    if not isinstance(x, Rows):
        x = _numeric(x, name)
    if not rows.is_sparse(mask):
        mask = np.asarray(checks.from_frame("mask", mask))
    if mask.dtype != bool or mask.shape not in (x.shape, x.shape[1:]):
        raise ValueError(
            f"`mask` must be a boolean array of shape {tuple(x.shape)} or "
            f"{tuple(x.shape[1:])}, `True` where an entry is missing. "
            f"Received: mask of shape {mask.shape}, {mask.dtype}"
        )
    of_rows = len(mask.shape) == len(x.shape)
    if rows.is_sparse(mask):
        mask = mask.tocsr()

    def hidden(part, index):
        own = rows.dense(mask, index) if of_rows else mask
        part = part if part.dtype.kind == "f" else part.astype("float32")
        unknown = np.isnan(part) & ~own
        if unknown.any():
            raise ValueError(
                f"`mask` must be True where `{name}` is NaN: "
                f"{unknown.sum()} such entries are said to be observed. "
                f"Received: mask=False at {tuple(np.argwhere(unknown)[0])}"
            )
        return np.where(own, part.dtype.type(np.nan), part)

    if not isinstance(x, Rows):
        return hidden(x, slice(None))
    kind = x.dtype if x.dtype.kind == "f" else np.dtype("float32")
    return Rows(lambda index: hidden(x[index], index), len(x), x.shape[1], kind)


def check(x, units, name, may_miss=False):
    """Checks all values of an array, or the first batch of a data set.

    Args:
        x: Array as for `array`, or a `tf.data.Dataset` of batches x, (x, y)
            or (x, y, sample_weight).
        units: `Units` that the examples must be states of.
        name: The argument's name, for errors.
        may_miss: Whether entries may be missing, NaN in all columns of a unit.

    Raises:
        ValueError: If the data are empty or cannot be states of the units, or
            if weights of a data set are negative or not numbers.
    """
    if is_dataset(x):
        check_structure(x, name)
        for _ in batches_of(x.take(1), units, name, may_miss):
            return
        raise ValueError(
            f"`{name}` must have at least one batch. Received an empty "
            "data set."
        )
    _array(x, units, name, may_miss)


def checked(x, units, name, may_miss=False):
    """Checks `x`, as far as its values are known, and returns it.

    Args:
        x: Array or tensor of shape `(examples, units.width)`.
        units: `Units` that the examples must be states of.
        name: The argument's name, for errors.
        may_miss: See `check`.

    Returns:
        `x` itself if it is a tensor, otherwise an array. For a symbolic
        tensor, only the width is checked.

    Raises:
        ValueError: If the data cannot be states of the units.
    """
    if _is_symbolic(x):
        check_width(x, units, name)
        return x
    array = _array(x, units, name, may_miss)
    if keras.ops.is_tensor(x) and x.shape == array.shape:
        if _leaves_support(np.asarray(x), units):
            x = units.without_rounding(x, keras.ops)
        return x
    return dense(array, name)


def in_parts(x, units, name, may_miss=False):
    """Calls `checked`, or, if `x` is not dense, checks and yields its parts.

    Args:
        x: Array or tensor, as for `array`.
        units: `Units` that the examples must be states of.
        name: The argument's name, for errors.
        may_miss: See `check`.

    Yields:
        Arrays or tensors of shape `(part, units.width)`.
    """
    found = x if _is_symbolic(x) else _array(x, units, name, may_miss)
    if not isinstance(found, Rows):
        yield checked(x, units, name, may_miss)
        return
    for _, part in rows.parts(found):
        yield part


def check_width(x, units, name):
    """Checks that a tensor has as many columns as there are units."""
    if not len(x.shape) or x.shape[-1] not in (None, units.width):
        raise ValueError(
            f"`{name}` must have shape (examples, {units.width}), one "
            f"column for each visible unit. Received: {name}.shape="
            f"{tuple(x.shape)}"
        )


def comes_from_a_layer(x, layer):
    """Whether `x` is a tensor with which another layer calls this layer.

    The values of such a tensor, for example the result of a `Dense` layer,
    need not be states. The caller therefore checks only the width of the
    tensor, by `check_width`, as `checked` does in a graph.

    Args:
        x: The input of a call.
        layer: The layer that is called.
    """
    outermost = layer._get_call_context().entry_layer
    layer._maybe_reset_call_context()  # If this layer is the outermost one.
    return outermost is not layer and keras.ops.is_tensor(x)


def called(x, units, name, may_miss=False):
    """Calls `checked` for the input of a layer, which may be nested lists."""
    numbers = isinstance(x, list | tuple) and all(
        isinstance(value, Real) for value in tf.nest.flatten(x)
    )
    if numbers:
        with contextlib.suppress(ValueError):  # Rows of different lengths.
            x = np.asarray(x)
    return checked(x, units, name, may_miss)


def check_weight(weight, count, name="sample_weight"):
    """Checks the weights of examples, and returns them as an array.

    Args:
        weight: Array, list or pandas series of shape `(count,)`, or `None`.
        count: Number of examples.
        name: The argument's name, for errors.

    Returns:
        Array of shape `(count,)`, or `None`.

    Raises:
        ValueError: If a weight is missing, negative, not finite, or too large
            or too small to sum in float32, or if all weights are 0.
    """
    weight = check_batch_weight(weight, count, name)
    if weight is not None and not weight.any():
        raise ValueError(_NO_WEIGHT.format(name=name))
    return weight


def check_seen(seen, name):
    """Raises an error if the weights of all examples are 0.

    Args:
        seen: The sum of the weights of all examples.
        name: The name of the data, for the error.

    Raises:
        ValueError: If the sum is 0.
    """
    if not seen:
        raise ValueError(_NO_WEIGHT.format(name=f"sample_weight` of `{name}"))


def check_batch_weight(weight, count, name="sample_weight"):
    """`check_weight` for a part of the data, whose weights may all be 0."""
    if weight is None:
        return None
    weight = _numbers(checks.from_frame(name, weight))
    if weight.shape != (count,) or weight.dtype.kind not in "fbui":
        raise ValueError(
            f"`{name}` must have a number for each example, shape ({count},). "
            f"Received: {name}.shape={weight.shape}, {name}.dtype="
            f"{weight.dtype}"
        )
    # Comparisons with NaN are false: in this form, NaN counts as wrong.
    wrong = ~((weight >= 0) & np.isfinite(weight))
    if wrong.any():
        row = np.argmax(wrong)
        raise ValueError(
            f"`{name}` must hold finite numbers that are not negative; "
            f"{wrong.sum()} of {count} are not such. Received: "
            f"{name}[{row}]={weight[row]}"
        )
    positive = weight[weight > 0]
    if positive.size and not 1e-30 <= positive.min() <= positive.max() <= 1e30:
        raise ValueError(
            f"`{name}` must hold 0, or numbers from 1e-30 to 1e30, which can "
            f"be summed. Received: {name} from {positive.min()} to "
            f"{positive.max()}"
        )
    return weight


def states(x, units, batch_size, name="v", may_miss=False):
    """Yields batches of examples, which must be states, not means.

    Args:
        x: Array as for `array`, or a finite `tf.data.Dataset` of batches.
        units: `Units` that the examples must be states of.
        batch_size: The largest number of examples in a batch.
        name: The argument's name, for errors.
        may_miss: See `check`.

    Yields:
        Arrays of shape `(up to batch_size, units.width)`.

    Raises:
        ValueError: If the data are not states or have no end.
    """
    x = resolved(x, units, name)
    check(x, units, name, may_miss)
    if not is_dataset(x):
        check_states(x, units, name, may_miss)
        batches = [x]
    elif x.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            f"`{name}` must come to an end. Received a tf.data.Dataset that "
            f"repeats for ever: take a part, `{name}.take(100)`."
        )
    else:
        batches = _joined(x, units, batch_size, name, may_miss)
    for batch in batches:
        for first in range(0, len(batch), batch_size):
            yield batch[first : first + batch_size]


def batches_of(dataset, units, name, may_miss=False):
    """Yields examples and weights of each batch of a data set, as arrays."""
    with reported(name):
        for batch in dataset:
            v, weight = _examples(batch).numpy(), None
            v = _without_rounding(v, units)
            _check(v, units, f"a batch of {name}", may_miss)
            if isinstance(batch, tuple) and len(batch) == 3:
                weight = batch[2].numpy()
                check_batch_weight(weight, len(v))
            yield v, weight


def some(x, sample_weight, units, count, may_miss=False):
    """Takes some examples of data that have been checked, with their weights.

    Takes evenly spaced rows of an array, or the first batches of a data set.

    Args:
        x: Array, or a `tf.data.Dataset` of batches.
        sample_weight: Weights of the examples of an array, or `None`.
        units: `Units` that the examples are states of.
        count: Largest number of examples. At most 20 batches of a data set
            are read.
        may_miss: See `check`.

    Returns:
        Tuple of the examples, array of shape `(up to count, units.width)`,
        and of the weights, array of shape `(up to count,)`. Both are empty if
        a data set cannot be read a second time: it fails, or has an attribute
        `is_read_once` that is `True`.
    """
    found = []
    if not is_dataset(x):
        step = -(-len(x) // count)
        v = np.asarray(x[::step])
        weight = None if sample_weight is None else sample_weight[::step]
        found = [(v, weight)]
    elif not getattr(x, "is_read_once", False):
        rows = 0
        batches = batches_of(x.take(_BATCHES_OF_SOME), units, "x", may_miss)
        # Training has read the data set, which may fail when read again.
        with contextlib.suppress(ValueError, tf.errors.OpError):
            for v, weight in batches:
                found.append((v, weight))
                rows += len(v)
                if rows >= count:
                    break
    if not found:
        return np.zeros((0, units.width)), np.zeros(0)
    weights = [np.ones(len(v)) if w is None else w for v, w in found]
    v = np.concatenate([v for v, _ in found])
    return v[:count], np.concatenate(weights)[:count]


def resolved(x, units, name):
    """Converts arrays to the form that `fit` uses; keeps data sets unchanged.

    Args:
        x: Array as for `array`, or a `tf.data.Dataset`.
        units: `Units` of the examples.
        name: The argument's name, for errors.

    Returns:
        Array, `Rows` or data set.
    """
    return x if is_dataset(x) else array(x, units, name)


def in_order(x, batch_size, y=None, weight=None):
    """A data set of dense batches of `Rows`, for Keras.

    Each batch is made dense only when Keras reads it.

    Args:
        x: `Rows`.
        batch_size: Number of rows in a batch; the last batch may be smaller.
        y: Targets for Keras, array of shape `(rows,)`, or `None`.
        weight: Weights of the rows, array of shape `(rows,)`, or `None`.

    Returns:
        A finite `tf.data.Dataset` of batches v or (v, y, weight), in float32.
    """

    def take(first):
        rows = slice(first, first + batch_size)
        return [x.floats(rows, "float32")] + [
            np.asarray(part[rows], "float32")
            for part in (y, weight)
            if weight is not None
        ]

    kinds = ["float32"] * (1 if weight is None else 3)

    def batch(first):
        found = tf.numpy_function(take, [first], kinds)
        found[0].set_shape((None, x.shape[1]))
        for part in found[1:]:
            part.set_shape((None,))
        return found[0] if weight is None else tuple(found)

    if weight is not None and y is None:
        y = np.zeros(len(x), "float32")
    dataset = tf.data.Dataset.range(0, len(x), batch_size).map(batch)
    return dataset.prefetch(1).with_options(devices.one_thread())


def dense(x, name):
    """Converts `Rows` to an array, after a check that it fits into memory.

    Args:
        x: Array or `Rows`.
        name: The argument's name, for the error.
    """
    if isinstance(x, Rows):
        checks.in_memory(name, x.shape)
        return x[:]
    return x


def subset(x, part):
    """Some rows of an array or of `Rows`, in the same form."""
    return x.subset(part) if isinstance(x, Rows) else x[part]


def array(x, units, name):
    """Converts examples to an array or to `Rows`, without checking values.

    Args:
        x: Array or data frame of shape `(examples, units.width)`; pictures,
            or one-hot categories, of shape `(examples, rows, columns)` or
            `(examples, rows, columns, 1)`; a sparse matrix or a memory-mapped
            array; or other input of `units.as_rows`, such as integer
            categories.
        units: `Units` of the examples.
        name: The argument's name, for errors.

    Returns:
        Array with at least one axis; `Rows` for data that are not dense.

    Raises:
        ValueError: If `x` is not as described.
    """
    is_new = not isinstance(x, Rows)
    x = rows.of(name, x)
    if not isinstance(x, Rows):
        x = _without_rounding(_flat(_dense(x, units, name), units), units)
    elif is_new and _may_be_rounded(x, units):
        x = x.map(units.without_rounding, units.width, x.dtype)
    return units.as_rows(x, name)


def _may_be_rounded(x, units):
    """Whether values may be just outside the support of the units."""
    return (
        x.dtype.kind == "f"
        and x.shape[1:] == (units.width,)
        and bool(np.isfinite(np.concatenate(units.support, axis=None)).any())
    )


def _without_rounding(x, units):
    """Sets values that are just outside the support to its ends."""
    return units.without_rounding(x) if _leaves_support(x, units) else x


def _leaves_support(x, units):
    """Whether values of an array are outside the support."""
    low, high = units.support
    return _may_be_rounded(x, units) and any(
        ((part < low) | (part > high)).any() for _, part in rows.parts(x)
    )


def _flat(x, units):
    """Reshapes grey pictures to rows; returns other arrays unchanged."""
    if x.ndim == 3 or (x.ndim == 4 and x.shape[3] == 1):
        width = x.shape[1] * x.shape[2]
        if len(x) and width in (units.width, units.size):
            return x.reshape(len(x), width)
    return x


def _dense(x, units, name):
    x = _numeric(checks.from_frame(name, x), name, units.width)
    if x.dtype.kind == "f" and x.dtype.itemsize > 8:
        raise ValueError(
            f"`{name}` must be of numbers that TensorFlow knows, of up to 64 "
            "bits. Convert it to float32. Received: "
            f"{name}.dtype={x.dtype}"
        )
    return x


def _numeric(x, name, width="columns"):
    """Converts `x` to an array, with NaN for masked entries and `None`."""
    try:
        if not hasattr(x, "__array__"):
            raise TypeError
        if hasattr(x, "shape"):
            checks.in_memory(name, x.shape)
        x = np.asarray(checks.unmasked(x))
        if x.dtype.kind == "O" and all(map(_is_entry, x.flat)):
            known = np.array([isinstance(value, Real) for value in x.flat])
            # Arrays without any `None` keep their dtype.
            if known.any() and not known.all():
                known = known.reshape(x.shape)
                x = np.where(known, x, np.nan).astype("float64")
        if x.dtype.name == "bfloat16":  # NumPy has no such dtype.
            x = x.astype("float32")
    except (TypeError, RuntimeError, NotImplementedError) as error:
        raise ValueError(
            f"`{name}` must be an array of shape (examples, {width}) "
            "or a tf.data.Dataset of batches. Received: "
            f"type({name})={type(x).__name__}"
        ) from error
    return x


def _is_entry(value):
    """Whether an object is a number, `None` or `pandas.NA`."""
    return (
        value is None
        or isinstance(value, Real)
        or type(value).__name__ == "NAType"
    )


def moments(x, units, name="x", sample_weight=None, may_miss=False):
    """Mean and variance of the examples, E[x] and E[x^2] - E[x]^2.

    E[x] = sum_i w_i x_i / sum_i w_i, where the sums run over the examples in
    which the entry is observed. Also checks that the units can learn data of
    this scale.

    Args:
        x: Array or data set as for `check`. The first 100 batches of a data
            set are used, with their weights.
        units: `Units` that the examples must be states of.
        name: The argument's name, for errors.
        sample_weight: Weights of the examples of an array, of shape
            `(examples,)`, or `None` for ones.
        may_miss: See `check`.

    Returns:
        Two `float64` arrays of shape `(units.width,)`.

    Raises:
        ValueError: If the data cannot be states of the units or have a scale
            that the units cannot learn, if a weight is negative or not a
            finite number, or if a column has no observed entry.
    """
    x = resolved(x, units, name)
    check(x, units, name, may_miss)
    if is_dataset(x):
        batches = batches_of(x.take(_MEAN_BATCHES), units, name, may_miss)
    else:
        batches = [(x, check_weight(sample_weight, len(x)))]
    total, squares, count, are_bits, unseen = 0.0, 0.0, 0.0, True, 0.0
    for v, weight in batches:
        weight = (
            np.ones(len(v)) if weight is None else np.asarray(weight, "float64")
        )
        for first, part in rows.parts(v):
            own, part = (
                weight[first : first + len(part)],
                part.astype("float64"),
            )
            lost = np.isnan(part)
            if lost.any():  # Missing entries do not count.
                part[lost] = 0.0
                unseen = unseen + own @ lost
            total = total + own @ part
            squares = squares + own @ np.square(part)
            are_bits = are_bits & ((part == 0) | (part == 1)).all(axis=0)
        count += weight.sum()
    if not count:
        raise ValueError(_NO_WEIGHT.format(name="sample_weight"))
    if np.any(unseen):
        count = count - unseen
        empty = count <= 1e-9 * count.max()
        if empty.any():
            raise ValueError(
                f"`{name}` must have an observed entry in each column; "
                f"{empty.sum()} of {len(empty)} columns have none. Leave these "
                f"columns out. Received: {name}[:, {np.argmax(empty)}], all "
                "missing"
            )
    mean = total / count
    variance = np.maximum(squares / count - np.square(mean), 0.0)
    units.check_scale(ColumnStatistics(mean, variance, are_bits), name)
    return mean, variance


def check_structure(dataset, name):
    """Checks the `element_spec` of a data set, without reading a batch.

    Args:
        dataset: A `tf.data.Dataset`.
        name: The argument's name, for the error.

    Raises:
        ValueError: If its elements are not v, (v, y) or (v, y, weight), where
            all are dense tensors, and v holds real numbers.
    """
    spec = dataset.element_spec
    parts = spec if isinstance(spec, tuple) else (spec,)
    kind = parts[0].dtype if parts and hasattr(parts[0], "dtype") else None
    if (
        not 1 <= len(parts) <= 3
        or not all(isinstance(part, tf.TensorSpec) for part in parts)
        or not (kind.is_floating or kind.is_integer or kind.is_bool)
    ):
        raise ValueError(
            f"`{name}` must be a data set of batches v, (v, y) or (v, y, "
            "weight), of dense tensors of real numbers. Map it to such. "
            f"Received: {name}.element_spec={spec}"
        )


def check_end(dataset, name, steps, steps_name):
    """Raises an error for an endless data set without a number of steps.

    Args:
        dataset: A `tf.data.Dataset`, or other data, which always have an end.
        name: The name of the data set, for the error.
        steps: Number of batches to take, or `None` for all.
        steps_name: The name of the argument `steps`, for the error.

    Raises:
        ValueError: If the data set is endless and `steps` is `None`.
    """
    if (
        steps is None
        and isinstance(dataset, tf.data.Dataset)
        and dataset.cardinality() == tf.data.INFINITE_CARDINALITY
    ):
        raise ValueError(
            f"`{name}` must come to an end, or `{steps_name}` say how many "
            f"batches to take. Received: {steps_name}=None, with a "
            "tf.data.Dataset that repeats for ever"
        )


def is_known(dataset, units):
    """Whether all batches are known to be states of the units.

    Args:
        dataset: A `tf.data.Dataset`. A data set from `data.batches` has an
            attribute `bounds`, the least and the largest value of its checked
            data. A data set that you derive from it has no such attribute.
        units: `Units` that the examples must be states of.
    """
    lowest, highest = getattr(dataset, "bounds", (-np.inf, np.inf))
    spec = dataset.element_spec
    return (
        np.isfinite(lowest)
        and np.isfinite(highest)
        and type(units).fits is Domain.fits  # `Domain.fits` checks only bounds.
        and np.all(np.asarray(units.support[0]) <= lowest)
        and np.all(highest <= np.asarray(units.support[1]))
        and isinstance(spec, tf.TensorSpec)
        and spec.shape[-1] == units.width
    )


def counted_as(dataset, source):
    """Records the number of examples of `source` on a derived data set.

    Args:
        dataset: A `tf.data.Dataset` with one batch for each batch of `source`,
            possibly transformed by a function, and possibly repeated.
        source: A `tf.data.Dataset`.

    Returns:
        `dataset`, for which `count` then returns the same as for `source`.
    """
    dataset.num_examples = getattr(source, "num_examples", 0)
    dataset.num_batches = _num_batches(source)
    return dataset


def count(dataset, batch_size):
    """Number of examples in a pass over a data set; 0 if it is unknown.

    Args:
        dataset: A `tf.data.Dataset`. A data set from `data.batches`, which is
            endless, has an attribute `num_examples`. `counted_as` notes the
            number for a data set that is derived from another.
        batch_size: Number of examples in a batch, except for the last one.
    """
    known = getattr(dataset, "num_examples", 0)
    return known or _num_batches(dataset) * batch_size


def guarded(dataset, units, may_miss=False):
    """Adds to a data set a check of each batch.

    Before training, only the first batch can be checked. If a later batch does
    not contain states of the units, the data set raises an error before an
    update uses the batch; `reported` converts the error to a `ValueError`.

    Args:
        dataset: A `tf.data.Dataset` that `check_structure` accepts, of batches
            or of blocks of batches, `(steps, batch, width)`.
        units: `Units` that the examples must be states of.
        may_miss: See `check`.

    Returns:
        A `tf.data.Dataset` of the same elements.
    """

    @without_autograph
    def look(*batch):
        v, weight = batch[0], batch[2] if len(batch) == 3 else None
        checks = [_look_at_states(v, units, may_miss)]
        if weight is not None:
            checks.append(_look_at_weights(weight, v))
        with tf.control_dependencies(checks):
            rows = [None] * ((v.shape.rank or 2) - 1)
            v = tf.identity(tf.ensure_shape(v, [*rows, units.width]))
            if v.dtype.is_floating:
                v = units.without_rounding(v, keras.ops)
            batch = (v, *batch[1:])
        return batch if is_tuple else batch[0]

    is_tuple = isinstance(dataset.element_spec, tuple)
    return dataset.map(look)


def refusal(fits, reason, *values):
    """An operation that raises an error in a data set if a batch is invalid.

    Args:
        fits: Boolean tensor, `False` if the batch is invalid.
        reason: Text that follows "`x` must" in the error: the requirement, and
            a description of `values`.
        *values: Tensors whose values the error shows.
    """

    def refuse(*values):
        entries = (" ".join(map(str, np.ravel(value))) for value in values)
        mark = f"[refused batch {next(_MARKS)}]"
        _REFUSED[mark] = f"{reason}: {', '.join(entries)}"
        raise ValueError(f"{_REFUSED[mark]} {mark}")

    def raising():
        with tf.control_dependencies([tf.numpy_function(refuse, values, [])]):
            return tf.constant(False)

    return tf.cond(fits, lambda: tf.constant(True), raising)


@contextlib.contextmanager
def reported(name):
    """A context in which a data set that fails raises a `ValueError`.

    Args:
        name: The argument's name, for the error.

    Raises:
        ValueError: If a batch was refused, or the data set itself failed.
    """
    try:
        yield
    except tf.errors.OpError as error:
        text = str(error)
        for mark in list(_REFUSED):
            if mark in text:
                reason = _REFUSED.pop(mark)
                raise ValueError(f"`{name}` must {reason}") from None
        # No batch was refused. Either the data set itself has failed, or the
        # error has another cause.
        if "IteratorGetNext" not in text:
            raise
        lines = [line.strip() for line in text.splitlines()]
        reasons = [line for line in lines if "Error: " in line]
        reason = (reasons or lines)[-1]
        raise ValueError(
            f"`{name}` must give its batches without an error of its own. "
            f"Received: {reason.rpartition('}} ')[2]}"
        ) from error


def _joined(dataset, units, count, name, may_miss):
    """Yields the states of a data set; joins small batches to larger ones."""
    parts, rows = [], 0
    for part, _ in batches_of(dataset, units, name, may_miss):
        check_states(part, units, f"a batch of {name}", may_miss)
        parts.append(part)
        rows += len(part)
        if rows >= count:
            # Rows beyond a multiple of `count` wait for the next part.
            whole = np.concatenate(parts)
            yield whole[: rows - rows % count]
            parts, rows = [whole[rows - rows % count :]], rows % count
    if rows:
        yield np.concatenate(parts)


def _num_batches(dataset):
    """Number of batches in a pass; 0 if it is unknown."""
    known = getattr(dataset, "num_batches", None)
    return max(int(dataset.cardinality()), 0) if known is None else known


def _examples(batch):
    return batch[0] if isinstance(batch, tuple) else batch


def _is_symbolic(x):
    """Whether a value is known only when a graph runs."""
    return isinstance(x, keras.KerasTensor) or (
        isinstance(x, tf.Tensor) and not hasattr(x, "numpy")
    )


def _numbers(values):
    """Converts numbers to an array; `check_weight` refuses other values."""
    try:
        return np.asarray(values)
    except ValueError:  # Lists of different lengths.
        return np.array(None)


def _array(x, units, name, may_miss=False):
    x = array(x, units, name)
    if not isinstance(x, Rows):
        _check(x, units, name, may_miss)
    elif x.known is not units:  # Reading all rows may take long.
        if _check(x, units, name, may_miss):
            x.known = units
    return x


def _check(x, units, name, may_miss):
    """Checks observed entries. Returns whether all entries are observed."""
    if not (may_miss and x.shape[1:] == (units.width,) and has_missing(x)):
        units.check(x, name)
        return True
    for first, part in rows.parts(x):
        divided = ~_are_whole(np.isnan(part), units)
        if divided.any():
            row = first + np.argmax(divided)
            raise ValueError(
                f"`{name}` must miss all columns of a unit or none: a category "
                "is known or not. Received: row "
                f"{row} of {name}, NaN in some columns of a unit"
            )
    units.check(_with_defaults(x, units), name)
    return False


def check_states(x, units, name, may_miss=False):
    """Checks that observed entries of an array or of `Rows` are states."""
    if may_miss and has_missing(x):
        x = _with_defaults(x, units)
    units.check_states(x, name)


def _with_defaults(x, units):
    """`x` with valid states in place of missing entries."""

    def fill(part):
        return np.where(np.isnan(part), units.default_row, part)

    if isinstance(x, Rows):
        return x.map(fill, x.shape[1], x.dtype)
    return fill(x)


def _are_whole(is_missing, units, xp=np):
    """Which rows miss, of each unit, either all columns or none."""
    whole = xp.ones_like(is_missing[:, 0])
    for sites in units.sites:
        if sites.columns > 1:
            block = is_missing[:, sites.first : sites.end]
            block = xp.reshape(block, (-1, sites.size, sites.columns))
            same = xp.any(block, axis=2) == xp.all(block, axis=2)
            whole = whole & xp.all(same, axis=1)
    return whole


def _look_at_states(v, units, may_miss):
    x = tf.cast(v, "float32")
    # If any entry is NaN, `low` and `high` are NaN.
    low, high = tf.reduce_min(x), tf.reduce_max(x)
    width = tf.shape(v)[-1]
    rows = tf.reshape(x, [-1, width])

    def fit():
        x = tf.ensure_shape(rows, [None, units.width])
        if not may_miss:
            return tf.reduce_all(units.fits(x, keras.ops))
        lost = tf.math.is_nan(x)
        whole = tf.reduce_all(_are_whole(lost, units, keras.ops))
        x = tf.where(lost, units.default_row, x)
        return whole & tf.reduce_all(units.fits(x, keras.ops))

    # The columns can be checked only if the width is right.
    fits = tf.cond(width == units.width, fit, lambda: False)
    return refusal(
        fits & (width == units.width) & (tf.size(v) > 0),
        f"hold, in each batch, examples of {units.width} columns, "
        f"{units.description}. Received, of a later batch, its shape, least "
        "and largest value",
        tf.shape(v),
        low,
        high,
    )


def _look_at_weights(weight, v):
    x = tf.cast(weight, "float32")
    low, high = tf.reduce_min(x), tf.reduce_max(x)
    return refusal(
        (low >= 0)
        & (high <= 1e30)
        & tf.reduce_all((x == 0) | (x >= 1e-30))
        & tf.reduce_all(tf.equal(tf.shape(weight), tf.shape(v)[:-1])),
        "have, in each batch, a weight for each example, 0 or a number from "
        "1e-30 to 1e30. Received, of a later batch, their shape, least and "
        "largest value",
        tf.shape(weight),
        low,
        high,
    )
