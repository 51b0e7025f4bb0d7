"""A made-up table with a column of each kind, and a check of round trips."""

import numpy as np
import pandas
import pyarrow
import pytest

from keras_rbm import data


def people(rows=60, seed=0):
    """A data frame with a column of each kind."""
    rng = np.random.default_rng(seed)
    return pandas.DataFrame(
        {
            "number": np.arange(rows),
            "smokes": rng.choice(["yes", "no"], rows),
            "job": rng.choice(["a", "b", None], rows),
            "age": rng.integers(18, 38, rows),
            "height": rng.normal(170, 8, rows),
            "wait": rng.exponential(2, rows),
            "income": np.exp(rng.normal(10, 2, rows)),
            "planet": "Earth",
            "note": [f"note {i} of {rows}" for i in range(rows)],
            "born": pandas.Timestamp("2000-01-01"),
        }
    )


def as_lists(frame):
    """The columns of a data frame as lists, with None for what is missing."""
    if isinstance(frame, pyarrow.Table):
        return frame.to_pydict()
    if isinstance(frame, np.ndarray):
        return {name: frame[name].tolist() for name in frame.dtype.names}
    return {
        name: [None if pandas.isna(x) else x for x in column.to_list()]
        for name, column in (
            frame.items()
            if isinstance(frame, pandas.DataFrame)
            else zip(frame.columns, frame.get_columns(), strict=True)
        )
    }


def check_round_trip(schema, rows, dtypes):
    """Compares decode(encode(rows)) with the rows; numbers up to rounding."""
    states = schema.encode(rows)
    back = schema.decode(states)
    assert type(back) is type(rows)
    assert dtypes(back) == dtypes(rows)
    rows, back = as_lists(rows), as_lists(back)
    assert list(rows) == list(back)
    for name, column in schema.columns.items():
        if not isinstance(column, data.Real | data.Positive | data.Quantiles):
            close = isinstance(column, data.Logarithm)
            wanted = pytest.approx(rows[name], 1e-4) if close else rows[name]
            assert back[name] == wanted
            continue
        # A state in float32 is off by 2**-24 of itself: in the values, by that
        # times the steepest slope.
        got, wanted = (np.array(x[name], float) for x in (back, rows))
        x = states[:, schema.slices[name]]
        slope = (
            np.diff(column.values) / np.diff(column.normal)
            if isinstance(column, data.Quantiles)
            else np.diff(column.backward(np.array([0.0, 1.0])))
        )
        error = 2**-23 * np.abs(x).max() * np.abs(slope).max()
        np.testing.assert_allclose(
            got, wanted, rtol=0, atol=error + 1e-12 * np.abs(wanted).max()
        )
