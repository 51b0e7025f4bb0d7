import numpy as np
import pytest

from keras_rbm.likelihood import Fit, compare
from tests.machines import exact_draws, machine
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=3)
MACHINE = machine(ORACLE)


def draws(seed, count=400):
    rng = np.random.default_rng(seed)
    return exact_draws(rng, ORACLE.p_visible, ORACLE.visible_states, count)


def test_mean_free_energies_and_their_error():
    v, particles = draws(0, 300), draws(1)
    energies = [ORACLE.free_energy(x) for x in (v, particles)]
    gap, error = compare(MACHINE, v, particles).free_energy_gap
    expected = energies[0].mean() - energies[1].mean()
    assert gap == pytest.approx(expected, abs=1e-5)
    expected = [e.std(ddof=1) / np.sqrt(len(e)) for e in energies]
    assert error == pytest.approx(np.hypot(*expected), rel=1e-5)


def test_one_example_does_not_show_its_error():
    found = compare(MACHINE, draws(0, 1), draws(1))
    gap, error = found.free_energy_gap
    assert np.isfinite(gap)
    assert error == np.inf
    assert not any("mean free energy" in text for text in found.warnings)


def test_draws_of_the_machine_fit():
    found = [compare(MACHINE, draws(i), draws(i + 50)) for i in range(10)]
    assert not any(each.warnings for each in found)
    # Probabilities of the distances are spread over 0 to 1.
    p = np.array([[each.free_energy[1], each.projection[1]] for each in found])
    assert (p.min(axis=0) < 0.7).all()
    assert (p.max(axis=0) > 0.3).all()


def test_other_shares_of_two_modes_do_not():
    """Of alike free energies: the projection alone can tell."""
    rng = np.random.default_rng(0)

    def modes(share):
        sign = np.where(rng.random((400, 1)) < share, 1, 0)
        return np.abs(sign - (rng.random((400, 5)) < 0.1)).astype("float32")

    found = compare(MACHINE, modes(0.5), modes(0.95))
    assert found.projection[0] == pytest.approx(0.45, abs=0.1)
    assert "principal axes" in found.warnings[-1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"free_energy_gap": (4.0, 0.0)}, None),
        ({"free_energy_gap": (-6.0, 1.0)}, None),
        ({"free_energy_gap": (4.01, 0.0)}, r"is \+4.01 \+- 0.00 nats from"),
        ({"free_energy_gap": (-6.1, 1.0)}, r"is -6.10 \+- 1.00 nats from"),
        ({"free_energy_gap": (np.nan, 1.0)}, "mean free energy"),
        ({"free_energy": (0.5, 1e-5)}, "are 0.50 apart"),
        ({"projection": (0.5, 1e-5)}, "samples are 0.50 apart"),
        ({"projection": (np.nan, np.nan)}, "samples are nan apart"),
    ],
)
def test_signs_that_it_does_not_fit(change, words):
    good = Fit((0.0, 1.0), (0.05, 0.5), (0.05, 0.5))
    found = good._replace(**change).warnings
    if words is None:
        assert found == ()
    else:
        (sentence,) = found
        with pytest.raises(AssertionError, match=words):
            raise AssertionError(sentence)
