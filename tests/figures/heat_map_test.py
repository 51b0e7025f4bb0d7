"""Pictures of models of examples that are no images."""

import numpy as np
import pytest
from matplotlib import image

from keras_rbm import RBM, Bernoulli, Composite, Gaussian
from keras_rbm.figures import heat_map


@pytest.mark.parametrize("columns", [1, 3, 90, 91, 3000])
def test_it_is_wide_enough_to_read(tmp_path, columns):
    path = tmp_path / "new" / "a.png"
    x = np.random.default_rng(0).random((5, columns))
    names = [f"price in $ of {'x' * 40} {i}" for i in range(columns)]
    heat_map.write(path, [("row", x), ("again", x)], names, ("low", "high"))
    picture = image.imread(path)
    assert 900 <= picture.shape[1] <= 2400
    assert 100 < picture.shape[0] < 600


def test_the_pictures_of_a_model(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        heat_map,
        "write",
        lambda path, panels, names, ends: drawn.update({path.name: panels}),
    )
    rbm = RBM(Composite(Bernoulli(2), Gaussian(1)), 4, seed=0)
    x = np.array([[0, 1, 0.0], [1, 1, 3.0], [0, 0, -1.5]], "float32")
    heat_map.heat_maps(rbm, x, ["a", "b", "c"], tmp_path)
    assert sorted(drawn) == [
        "filters.png",
        "reconstructions.png",
        "samples.png",
    ]
    ((_, weights),) = drawn["filters.png"]
    assert weights.shape == (4, 3)
    assert np.abs(weights - 0.5).max() == pytest.approx(0.5)
    (_, example), (_, mean) = drawn["reconstructions.png"]
    # A Gaussian column goes from -3 to 3 deviations.
    np.testing.assert_allclose(example, [[0, 1, 0.5], [1, 1, 1], [0, 0, 0.25]])
    again = np.asarray(rbm.predict_reconstruction(x))
    np.testing.assert_allclose(mean[:, :2], again[:, :2])
    np.testing.assert_allclose(mean[:, 2], again[:, 2] / 6 + 0.5, rtol=1e-6)
    ((_, samples),) = drawn["samples.png"]
    assert samples.shape == (40, 3)
