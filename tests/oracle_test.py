import numpy as np
import pytest

from tests.oracle import Oracle, all_states, divergence, entropy, index


def test_states_and_their_places():
    states = all_states(3)
    assert states.tolist()[:3] == [[0, 0, 0], [0, 0, 1], [0, 1, 0]]
    np.testing.assert_array_equal(index(states), np.arange(8))
    spins = all_states(2, (-1.0, 1.0))
    np.testing.assert_array_equal(index(spins, (-1.0, 1.0)), np.arange(4))


def test_a_machine_of_two_units_by_hand():
    w, b, c, beta = 0.7, -0.3, 1.1, 2.0
    oracle = Oracle([[w]], [b], [c], beta)
    weights = np.exp(beta * np.array([[0.0, c], [b, w + b + c]]))
    np.testing.assert_allclose(oracle.joint, weights / weights.sum())
    np.testing.assert_allclose(oracle.log_z, np.log(weights.sum()))
    np.testing.assert_allclose(
        oracle.energy([[1.0]], [[1.0]]), [-beta * (w + b + c)]
    )
    np.testing.assert_allclose(
        oracle.moments()[0], [[weights[1, 1] / weights.sum()]]
    )
    np.testing.assert_allclose(
        oracle.pseudo_log_likelihood(np.array([[1.0]])),
        oracle.log_likelihood(np.array([[1.0]])),
    )


def test_gradient_is_that_of_the_log_likelihood():
    rng = np.random.default_rng(0)
    parameters = [rng.normal(size=s) for s in ((3, 2), (3,), (2,))]
    v = rng.random((4, 3))
    weights = rng.random(4)
    slopes = Oracle(*parameters, beta=1.5).gradient(v, weights)
    step = 1e-5
    for which, slope in enumerate(slopes):
        for place in np.ndindex(slope.shape):
            ends = []
            for sign in (1.0, -1.0):
                moved = [p.copy() for p in parameters]
                moved[which][place] += sign * step
                oracle = Oracle(*moved, beta=1.5)
                ends.append(-weights @ oracle.log_likelihood(v))
            difference = (ends[0] - ends[1]) / (2 * step)
            assert difference == pytest.approx(slope[place], abs=step)


def test_the_transition_leaves_the_law_unchanged():
    oracle = Oracle.draw(4, 3)
    transition = oracle.transition()
    np.testing.assert_allclose(transition.sum(axis=1), 1.0)
    np.testing.assert_allclose(oracle.p_visible @ transition, oracle.p_visible)
    np.testing.assert_allclose(np.exp(oracle.log_p_visible), oracle.p_visible)


def test_divergence_of_laws():
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.25, 0.5])
    assert divergence(p, np.log(q)) == pytest.approx(np.log(2))
    assert entropy(p) == pytest.approx(np.log(2))
