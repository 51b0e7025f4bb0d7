"""Scans of mutations, and sequences that a model designs."""

import csv

import numpy as np
import pytest

from keras_rbm import (
    RBM,
    ContrastiveDivergence,
    Tempered,
    TrajectoryTempering,
    sequences,
)
from keras_rbm import machine as machine_lib
from keras_rbm.sequences import Alignment
from tests.made_up_family import SITES


def test_a_scan_has_differences_of_log_p(rbm, family):
    scan = sequences.mutation_scan(rbm, family, row=3)
    assert scan.scores.shape == (SITES, 5)
    mutant = family.codes[[3, 3]].copy()
    mutant[1, 2] = (mutant[1, 2] + 1) % 5
    pair = Alignment(mutant, alphabet=sequences.RNA).one_hot()[:]
    wild, changed = np.asarray(rbm.free_energy(pair), "float64")
    found = scan.scores[2, mutant[1, 2]]
    assert np.isclose(found, wild - changed, atol=1e-4)
    own = scan.scores[np.arange(SITES), family.codes[3]]
    np.testing.assert_array_equal(own, 0)
    assert scan.wild_type == family.strings()[3]


def test_a_scan_names_mutants_by_position(rbm, family, tmp_path):
    moved = Alignment(
        family.codes, alphabet=sequences.RNA, positions=np.arange(SITES) + 40
    )
    scan = sequences.mutation_scan(rbm, moved)
    best = scan.best(2)
    assert len(best) == 2
    assert best[0][1] >= best[1][1]
    assert 40 <= int(best[0][0][1:-1]) < 40 + SITES
    scan.write_csv(tmp_path / "scan.csv")
    with open(tmp_path / "scan.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == SITES * 4
    assert (rows[0]["column"], rows[0]["position"]) == ("1", "40")
    assert "log_p_lower" not in rows[0]
    exact = rbm.log_partition()
    scan.write_csv(tmp_path / "scan.csv", exact)
    with open(tmp_path / "scan.csv", newline="") as file:
        row = list(csv.DictReader(file))[5]
    mutant = moved.codes[:1].copy()
    column = int(row["column"]) - 1
    mutant[0, column] = sequences.RNA.letters.index(row["to"])
    hot = Alignment(mutant, alphabet=sequences.RNA).one_hot()[:]
    expected = rbm.log_likelihood(hot, log_partition=exact)
    for end in ("lower", "upper"):
        found = float(row[f"log_p_{end}"])
        assert np.isclose(found, getattr(expected, end), atol=1e-3)


def test_scans_refuse_what_does_not_fit(rbm, family):
    with pytest.raises(ValueError, match="`row` must be one of"):
        sequences.mutation_scan(rbm, family, row=60)
    with pytest.raises(ValueError, match="visible units of the alignment"):
        sequences.mutation_scan(rbm, family.columns([0, 1]))
    codes = family.codes.copy()
    codes[0, 0] = -1
    with pytest.raises(ValueError, match="no missing entries"):
        sequences.mutation_scan(rbm, Alignment(codes, alphabet=sequences.RNA))


def test_hidden_units_that_are_held_leave_a_machine(rbm):
    """p(v | h_held), up to a constant: the energies differ by one."""
    machine = rbm.machine()
    held = sequences.hold(machine, {1: 1.0, 3: 0.0})
    rng = np.random.default_rng(1)
    v = np.eye(5)[rng.integers(5, size=(20, SITES))].reshape(20, -1)
    h = rng.integers(2, size=(20, 4)).astype("float32")
    h[:, 1], h[:, 3] = 1.0, 0.0
    v = v.astype("float32")
    change = np.asarray(machine_lib.energy(machine, v, h)) - np.asarray(
        machine_lib.energy(held, v, h[:, [0, 2]])
    )
    np.testing.assert_allclose(change, change[0], atol=1e-4)
    for values in ({4: 1.0}, {0: 2.0}, dict.fromkeys(range(4), 1.0)):
        with pytest.raises(ValueError, match="`hold` must"):
            sequences.hold(machine, values)
    with pytest.raises(ValueError, match="hidden units of one type"):
        sequences.hold(machine_lib.flip(machine), {0: 1.0})


def test_designed_sequences_keep_their_columns(rbm, family):
    drawn = sequences.design(
        rbm,
        12,
        start=family[:5],
        keep=[1, 4],
        hold_hidden={0: 1.0},
        inverse_temperature=2.0,
        num_sweeps=3,
        seed=0,
    )
    rows = np.resize(np.arange(5), 12)
    np.testing.assert_array_equal(
        drawn.codes[:, [1, 4]], family.codes[rows][:, [1, 4]]
    )
    assert (drawn.codes != family.codes[rows]).any()
    again = sequences.design(
        rbm, 4, num_sweeps=3, seed=1, alphabet=sequences.RNA
    )
    assert again.shape == (4, SITES)
    for arguments, message in (
        ({"keep": [0]}, "`keep` needs a `start`"),
        ({"keep": [7], "start": family}, "from 0 to 6"),
        ({"alphabet": sequences.PROTEIN}, "visible units of the alignment"),
        ({"start": family, "inverse_temperature": 0}, "inverse_temperature"),
    ):
        given = {"alphabet": sequences.RNA} | arguments
        with pytest.raises(ValueError, match=message):
            sequences.design(rbm, 4, num_sweeps=3, **given)


def test_missing_letters_cannot_be_kept(rbm, family):
    codes = family.codes[:3].copy()
    codes[1, 4] = -1
    start = sequences.Alignment(codes, alphabet=sequences.RNA)
    given = {"start": start, "num_sweeps": 1, "seed": 0}
    with pytest.raises(ValueError, match=r"`keep` must .*, of which 1 have"):
        sequences.design(rbm, 3, keep=[1, 4], **given)
    sequences.design(rbm, 3, keep=[1], **given)
    sequences.design(rbm, 1, keep=[4], **given)  # The first sequence alone.


def test_sequences_start_from_the_fantasy_particles(rbm, family):
    """Columns that are kept have the letters of the particles."""
    hot = np.asarray(rbm.fantasy_particles).reshape(10, SITES, 5)
    drawn = sequences.design(
        rbm,
        25,
        start="chains",
        keep=range(SITES),
        num_sweeps=1,
        alphabet=sequences.RNA,
    )
    expected = np.resize(hot.argmax(axis=-1), (25, SITES))
    np.testing.assert_array_equal(drawn.codes, expected)
    given = {"start": "chains", "seed": 0, "alphabet": sequences.RNA}
    drawn = sequences.design(rbm, 25, num_sweeps=2, **given).codes
    for sweeps, rows in ((2, drawn[:10]), (4, drawn[10:20])):
        expected = sequences.design(rbm, 10, num_sweeps=sweeps, **given).codes
        np.testing.assert_array_equal(rows, expected)  # The chains continue.
    few = sequences.design(rbm, 3, num_sweeps=2, **given)
    assert few.shape == (3, SITES)
    with pytest.raises(ValueError, match="visible units of the alignment"):
        sequences.design(rbm, 4, start="chains")
    with pytest.raises(ValueError, match=r"an Alignment, .* start='a\.fasta'"):
        sequences.design(rbm, 4, start="a.fasta", alphabet=sequences.RNA)
    without = RBM(family.units, 4, ContrastiveDivergence())
    with pytest.raises(ValueError, match="chain=ContrastiveDivergence"):
        sequences.design(without, 4, start="chains", alphabet=sequences.RNA)


@pytest.mark.parametrize("name", ["Tempered", "TrajectoryTempering"])
def test_any_sampler_draws_sequences(rbm, name):
    """Other samplers have the distribution of Gibbs sampling."""

    def frequencies(**given):
        drawn = sequences.design(
            rbm,
            4000,
            num_sweeps=20,
            inverse_temperature=1.5,
            seed=0,
            alphabet=sequences.RNA,
            **given,
        )
        return drawn.one_hot()[:].mean(axis=0)

    if name == "Tempered":
        given = {"sampler": Tempered(3), "hold_hidden": {0: 1.0}}
        expected = frequencies(hold_hidden={0: 1.0})
    else:
        given = {"sampler": TrajectoryTempering([rbm.base_machine()])}
        expected = frequencies()
    error = 5 * np.sqrt(2 * 0.25 / 4000)
    np.testing.assert_allclose(frequencies(**given), expected, atol=error)


def test_a_wrong_sampler_of_sequences_is_refused(rbm):
    with pytest.raises(ValueError, match="`sampler` must be a sampler"):
        sequences.design(rbm, 4, sampler="Tempered", alphabet=sequences.RNA)


def test_cold_sequences_are_more_probable(rbm):
    def mean(beta):
        drawn = sequences.design(
            rbm,
            200,
            inverse_temperature=beta,
            num_sweeps=50,
            seed=0,
            alphabet=sequences.RNA,
        )
        return np.mean(rbm.free_energy(drawn.one_hot()[:]))

    assert mean(3.0) < mean(1.0) - 0.5
