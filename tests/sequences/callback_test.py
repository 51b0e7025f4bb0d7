"""What TensorBoard shows of a family."""

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.compat.proto import event_pb2

from keras_rbm import RBM, Bernoulli, PersistentChain, sequences
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
    distances = np.full((SITES, SITES), 9.0)
    distances[0, 6] = 1.0
    measures = sequences.FamilyMeasures(tmp_path, family, None, distances)
    measures.set_model(rbm)
    with pytest.raises(ValueError, match="of which 3 have"):
        measures.measure(1)  # 7 columns have 3 pairs far enough apart.
    measures.distances = None
    found = measures.measure(1)
    assert found.keys() == {
        f"3 Chains/correlation_of_{name}"
        for name in ("frequencies", "pairs", "triples")
    }
