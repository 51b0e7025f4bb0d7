import keras
import numpy as np

import keras_rbm
from keras_rbm import callbacks
from tests.callbacks import events


def written(tmp_path, model, examples=None):
    callback = callbacks.Histograms(tmp_path, examples)
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_end(9)
    callback.on_train_end()
    return events.read(tmp_path / "train")


def test_parameters_and_hidden_means(tmp_path):
    x = np.random.default_rng(0).integers(0, 2, (8, 12)).astype("float32")
    model = keras_rbm.RBM(12, 6, seed=3)
    values = written(tmp_path, model, x)
    expected = {
        "6 Histograms/kernel": model.kernel,
        "6 Histograms/visible_bias": model.visible_params["bias"],
        "6 Histograms/hidden_bias": model.hidden_params["bias"],
        "6 Histograms/hidden_means": model(x),
    }
    assert set(values) == set(expected)
    for tag, value in expected.items():
        value = keras.ops.convert_to_numpy(value)
        # Buckets are rows of left edge, right edge, count.
        buckets = values[tag][10]
        assert buckets[:, 2].sum() == value.size
        np.testing.assert_allclose(buckets[0, 0], value.min(), rtol=1e-6)
        np.testing.assert_allclose(buckets[-1, 1], value.max(), rtol=1e-6)


def test_without_examples(tmp_path):
    values = written(tmp_path, keras_rbm.RBM(12, 6, seed=3))
    assert set(values) == {
        "6 Histograms/kernel",
        "6 Histograms/visible_bias",
        "6 Histograms/hidden_bias",
    }
