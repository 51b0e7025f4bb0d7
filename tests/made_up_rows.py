"""Rows with missing entries, and what enumeration says of them."""

import sys

import numpy as np

from tests.oracle import Oracle, log_sum_exp

# The module: the package has a function of this name.
observed_lib = sys.modules["keras_rbm.likelihood.observed"]
ORACLE = Oracle.draw(5, 4, seed=1)
NOT = np.nan
ROWS = np.array(
    [
        [0, 1, 1, 0, 1],
        [NOT, 1, 1, 0, 1],
        [0, NOT, 1, NOT, NOT],
        [NOT, NOT, NOT, NOT, NOT],
    ]
)


def expected_rows(rows):
    """log sum exp(-F(v)) over all v that agree with a row, and E[h]."""
    v = ORACLE.visible_states
    fits = ((rows[:, None] == v) | np.isnan(rows)[:, None]).all(axis=2)
    scores = -ORACLE.free_energy(v)
    logs = np.array([log_sum_exp(scores[fit]) for fit in fits])
    law = fits * np.exp(scores)
    law /= law.sum(axis=1, keepdims=True)
    return logs, law @ ORACLE.p_hidden_given(v) @ ORACLE.hidden_states
