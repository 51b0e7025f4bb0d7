"""A family as data, and what a run on it leaves."""

import csv
import itertools

import numpy as np
import pytest

from keras_rbm import (
    RBM,
    ContrastiveDivergence,
    Softmax,
    devices,
    sequences,
)
from keras_rbm.sequences import Alignment, runs
from tests.made_up_family import SITES


def test_a_family_for_a_run_is_drawn_by_its_weights(tmp_path):
    path = tmp_path / "a.fasta"
    rng = np.random.default_rng(0)
    codes = rng.integers(1, 5, size=(100, 20))
    codes[:50] = codes[0]  # Copies, which count as one.
    sequences.write_fasta(path, Alignment(codes, alphabet=sequences.RNA))
    data = sequences.family(path, "rna", test_size=0.2)
    assert data.visible == Softmax(20, 5)
    assert len(data.test) == 20
    assert data.train.shape == (80, 100)
    copies = (data.train[:].reshape(-1, 20, 5).argmax(2) == codes[0]).all(1)
    assert copies.mean() < 0.06
    plain = sequences.family(path, "rna", identity=None, test_size=0.0)
    assert plain.test is None
    copies = (plain.train[:].reshape(-1, 20, 5).argmax(2) == codes[0]).all(1)
    assert copies.sum() == 50
    with pytest.raises(ValueError, match="`alphabet` must be one of"):
        sequences.family(path, "amino")


@pytest.fixture
def starts(monkeypatch):
    """The starts and numbers of sweeps of all samples that figures draw."""
    found = []

    def watched(model, count, start, num_sweeps, **given):
        found.append((start, num_sweeps))
        return sequences.design(
            model, count, start, num_sweeps=num_sweeps, **given
        )

    monkeypatch.setattr(runs, "design", watched)
    return found


def test_figures_of_a_run(rbm, family, tmp_path, starts, monkeypatch):
    path = tmp_path / "a.fasta"
    sequences.write_fasta(path, family)
    data = sequences.family(path, "rna", identity=None)
    figure = sequences.FamilyFigures("rna", 20, num_sweeps=3, num_units=2)
    figure.check(rbm, data)
    figure(rbm, data, tmp_path)
    # Ten particles give two samples each, in three sweeps or one more.
    assert starts == [("chains", 2)]
    drawn = sequences.read(tmp_path / "samples.fasta", sequences.RNA)
    assert drawn.shape == (20, SITES)
    scores = dict(part.split("=") for part in drawn.names[0].split()[1:])
    found = rbm.log_likelihood(drawn[:1].one_hot())
    assert np.isclose(float(scores["log_p_lower"]), found.lower, atol=0.01)
    assert np.isclose(float(scores["log_p_upper"]), found.upper, atol=0.01)
    assert "minus_F" in scores
    assert len(list(tmp_path.rglob("*.png"))) == 7
    with open(tmp_path / "contacts.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == SITES * (SITES - 1) // 2
    assert all(int(row["position_i"]) == int(row["i"]) for row in rows)
    with open(tmp_path / "mutations.csv", newline="") as file:
        assert "log_p_lower" in next(csv.DictReader(file))
    # Of several processes, only the chief writes.
    monkeypatch.setattr(devices, "is_chief", lambda: False)
    figure(rbm, data, tmp_path / "other")
    assert not (tmp_path / "other").exists()
    with pytest.raises(ValueError, match="21 categories"):
        sequences.FamilyFigures("protein").check(rbm, data)


@pytest.mark.parametrize(
    ("width", "found"),
    [
        (4, ""),  # No pair is far enough apart.
        (8, ""),  # 6 pairs are.
        (11, "contacts among the first L pairs: 1.000\n"),
        (14, "contacts among the first 1 to 3 L pairs: 1.000, 1.000, 1.000\n"),
    ],
)
def test_contacts_are_counted_as_far_as_distances_go(
    tmp_path, capsys, width, found
):
    path = tmp_path / "distances.csv"
    pairs = itertools.combinations(range(1, width + 1), 2)
    path.write_text("".join(f"{i},{j},5.0\n" for i, j in pairs))
    rbm = RBM(Softmax(width, 5), 2, ContrastiveDivergence(), seed=0)
    family = Alignment(np.ones((2, width), int), alphabet=sequences.RNA)
    figure = sequences.FamilyFigures("rna", distances=str(path))
    figure.check(rbm, None)
    figure._contacts(rbm, tmp_path, family)
    assert capsys.readouterr().out == found
    assert (tmp_path / "contacts.png").exists()


def test_a_family_of_two_columns_is_refused():
    rbm = RBM(Softmax(2, 5), 2, ContrastiveDivergence(), seed=0)
    with pytest.raises(ValueError, match="3 columns or more"):
        sequences.FamilyFigures("rna").check(rbm, None)


def test_positions_of_a_reference_reach_the_files(family, tmp_path, starts):
    """Columns without a letter of the reference go, and numbers stay its."""
    rbm = RBM(family.units, 4, ContrastiveDivergence(), seed=0)
    path = tmp_path / "a.fasta"
    codes = np.maximum(family.codes, 1)
    codes = np.insert(codes, 3, 2, axis=1)
    codes[7, 3] = 0  # A gap of the reference.
    names = [f"s{number}" for number in range(60)]
    whole = Alignment(codes, names, alphabet=sequences.RNA)
    sequences.write_fasta(path, whole)
    data = sequences.family(
        path, "rna", identity=None, reference="s7", first_position=11
    )
    np.testing.assert_array_equal(data.positions, 11 + np.arange(SITES))
    assert data.width == SITES * 5
    figure = sequences.FamilyFigures("rna", 20, num_sweeps=3, num_units=0)
    figure(rbm, data, tmp_path)
    assert starts == [(None, 3)]
    for name, columns in (("contacts", "ij"), ("mutations", None)):
        with open(tmp_path / f"{name}.csv", newline="") as file:
            row = next(csv.DictReader(file))
        if columns:
            for own in columns:
                assert int(row[f"position_{own}"]) == int(row[own]) + 10
        else:
            assert int(row["position"]) == int(row["column"]) + 10
