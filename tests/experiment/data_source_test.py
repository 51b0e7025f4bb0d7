"""What a run learns from, of data and of an upper layer of a stack."""

import numpy as np
import pytest

from keras_rbm import RBM, data
from keras_rbm.experiment.data_source import DataSource, UpperLayerData
from keras_rbm.networks import LowerLayers

X = (np.random.default_rng(0).random((30, 12)) < 0.3).astype("float32")
DATA = data.Data("tiny", X[:20], X[20:], image_shape=(3, 4))
LOWER_LAYERS = LowerLayers([RBM(12, 5, seed=0)])


def test_data_are_as_they_were():
    source = DataSource(DATA, 10, "none", 3)
    assert source.steps_per_epoch == 2
    np.testing.assert_array_equal(source.training_examples, X[:20])
    np.testing.assert_array_equal(source.validation_examples, X[20:])
    np.testing.assert_array_equal(source.drawn_examples, X[20:])
    assert source.figure_data is DATA
    assert source.evaluation_data is DATA
    assert source.image_shape == (3, 4)
    assert source.picture is None
    assert source.settings().keys() == {
        "data",
        "batch_size",
        "binarize",
        "seed",
    }
    # The batches of a step, from wherever a run goes on.
    first, second = source.batches().take(2)
    np.testing.assert_array_equal(next(iter(source.batches(1))), second)
    assert (first.numpy() != second.numpy()).any()


def test_data_of_an_upper_layer_have_gone_up():
    source = DataSource(UpperLayerData(DATA, LOWER_LAYERS), 10, "none", 3)
    h = LOWER_LAYERS.array(X)
    np.testing.assert_array_equal(source.training_examples, h[:20])
    np.testing.assert_allclose(source.validation_examples, h[20:], rtol=1e-6)
    (validation,) = source.validation_batches()
    np.testing.assert_allclose(validation, h[20:], rtol=1e-6)
    assert next(iter(source.batches())).shape == (10, 5)
    assert source.figure_data.width == 5
    assert source.picture.intensities(h).shape == (30, 12)
    # Those of the layer below decide it too.
    assert source.settings()["lower"] == LOWER_LAYERS.settings()["lower"]
    source.check(RBM(5, 3, seed=0))


def test_all_examples_of_an_upper_layer_are_evaluated():
    """They are binarized once, below the lower layers."""
    grey = data.Data("grey", X[:20] / 2, X[20:25] / 2, X[25:] / 2)
    above = UpperLayerData(grey, LOWER_LAYERS)
    source = DataSource(above, 10, "threshold", 3)
    found = source.evaluation_data
    h = LOWER_LAYERS.array(np.zeros((20, 12), "float32"))
    np.testing.assert_array_equal(found.train, h)
    np.testing.assert_array_equal(found.validation, h[:5])
    np.testing.assert_array_equal(found.test, h[:5])
    assert source.evaluation_binarize == "none"
    assert DataSource(grey, 10, "threshold", 3).evaluation_binarize == (
        "threshold"
    )


def test_without_validation_examples():
    source = DataSource(data.Data("tiny", X), 10, "none", 3)
    assert source.validation_batches() is None
    assert source.validation_examples is None
    np.testing.assert_array_equal(source.drawn_examples, X)


def test_fewer_examples_than_a_batch_are_one_batch():
    source = DataSource(DATA, 1000, "none", 0)
    assert source.batch_size == 20
    assert source.steps_per_epoch == 1
    assert next(iter(source.batches())).shape == (20, 12)


def test_what_does_not_fit_is_refused():
    for source, message in (
        (DataSource(3, 10, "none", 0), "`data` must be what a reader"),
        (DataSource(DATA, 10, "often", 0), "`binarize` must be one of"),
    ):
        with pytest.raises(ValueError, match=message):
            source.check(RBM(12, 3, seed=0))
    with pytest.raises(ValueError, match="a column for each visible unit"):
        DataSource(DATA, 10, "none", 0).check(RBM(5, 3, seed=0))


def test_how_many_columns_are_pixels():
    def pixels(x=X, **options):
        return DataSource(data.Data("x", x, **options), 10, "none", 0)

    assert pixels(image_shape=(3, 4)).num_pixels == 12
    assert pixels().num_pixels == 0
    labelled = data.with_labels(X, np.arange(30) % 2, 2)
    plain, darker = (
        data.Picture(np.eye(14, 12)),
        data.Picture(np.eye(14, 12), 1),
    )
    last = data.Picture(np.eye(14, 12, -2))
    for picture, expected in ((plain, 12), (darker, 0), (last, 0)):
        source = pixels(labelled, image_shape=(3, 4), picture=picture)
        assert source.num_pixels == expected
    above = UpperLayerData(DATA, LOWER_LAYERS)
    assert DataSource(above, 10, "none", 3).num_pixels == 0
