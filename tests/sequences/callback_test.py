"""What TensorBoard shows of a family."""

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.compat.proto import event_pb2

from keras_rbm import (
    RBM,
    Bernoulli,
    ContrastiveDivergence,
    PersistentChain,
    sequences,
)
from keras_rbm.sequences import callback, runs
from tests.made_up_family import SITES


def test_pictures_of_a_family_in_tensorboard(rbm, family, tmp_path):
    path = tmp_path / "a.fasta"
    sequences.write_fasta(path, family)
    data = sequences.family(path, "rna", identity=None)
    figure = sequences.FamilyFigures("rna", num_units=2)
    (shown,) = figure.displays(data, tmp_path / "logs", every=3)
    shown.set_model(rbm)
    shown.on_train_begin()
    shown.on_epoch_end(0)
    shown.on_train_end()
    tags = set()
    for file in (tmp_path / "logs" / "train").glob("events*"):
        for record in tf.data.TFRecordDataset(str(file)):
            event = event_pb2.Event.FromString(record.numpy())
            tags |= {value.tag for value in event.summary.value}
    names = ["contacts", "family_logo", "logo_0", "logo_1"]
    if rbm.fantasy_particles is not None:
        names += ["principal_axes", "correlations"]
    assert tags == {f"1 Images/{name}" for name in names}
    with pytest.raises(ValueError, match="`num_units` must be"):
        sequences.FamilyPictures(tmp_path, family, num_units=-1)


def test_measures_of_a_family_in_tensorboard(family, tmp_path):
    rbm = RBM(family.units, Bernoulli(2), PersistentChain(10), seed=0)
    # Only 3 pairs of 7 columns are far enough apart to count contacts.
    distances = np.full((SITES, SITES), 9.0)
    measures = sequences.FamilyMeasures(tmp_path, family, None, distances)
    measures.set_model(rbm)
    found = measures.measure(1)
    assert found.keys() == {
        f"3 Chains/correlation_of_{name}"
        for name in ("frequencies", "pairs", "triples")
    }


@pytest.mark.parametrize(
    "kind", [sequences.FamilyMeasures, sequences.FamilyPictures]
)
def test_what_cannot_be_measured_is_refused_before_training(
    kind, family, tmp_path
):
    for shape in ((SITES + 1, SITES + 1), (SITES,)):
        with pytest.raises(ValueError, match=r"`distances` must have shape"):
            kind(tmp_path, family, None, np.zeros(shape))
    codes = family.codes.copy()
    codes[0, 0] = -1
    for bad in (codes, family.codes[:, :2]):
        bad = sequences.Alignment(bad, alphabet="rna")
        with pytest.raises(ValueError, match="`alignment` must have no miss"):
            kind(tmp_path, bad)


def test_contacts_leave_out_the_gap_wherever_it_stands(
    rbm, family, tmp_path, monkeypatch
):
    """The letters ACGU- have the gap as their category 4."""
    alphabet = sequences.Alphabet("ACGU-")
    family = sequences.Alignment(family.codes, alphabet=alphabet)
    found = []

    def stop(machine, exclude=(0,)):
        found.append(exclude)
        raise InterruptedError

    monkeypatch.setattr(callback, "contact_map", stop)
    monkeypatch.setattr(runs, "contact_map", stop)
    measures = sequences.FamilyMeasures(tmp_path, family, None, np.eye(SITES))
    shown = sequences.FamilyPictures(tmp_path, family)
    for own in (measures, shown):
        own.set_model(rbm)
    for use in (
        lambda: measures.measure(1),
        lambda: shown.show(1),
        lambda: sequences.FamilyFigures(alphabet)._contacts(
            rbm, tmp_path, family
        ),
    ):
        with pytest.raises(InterruptedError):
            use()
    assert found == 3 * [(4,)]


@pytest.mark.parametrize(
    ("unknown", "names"), [(0, ["L"]), (10, [])], ids=["some", "too few"]
)
def test_contacts_are_counted_as_far_as_distances_go(tmp_path, unknown, names):
    """21 pairs of 11 columns are far enough apart: L pairs, but not 2 L."""
    family = sequences.Alignment(np.ones((2, 11), int), alphabet="rna")
    rbm = RBM(family.units, Bernoulli(2), ContrastiveDivergence(), seed=0)
    distances = np.full((11, 11), 5.0)
    distances[:unknown, :unknown] = np.nan  # But for 6 pairs.
    measures = sequences.FamilyMeasures(tmp_path, family, None, distances)
    measures.set_model(rbm)
    found = measures.measure(1)
    assert found == {f"2 Likelihood/contacts_{name}": 1.0 for name in names}
