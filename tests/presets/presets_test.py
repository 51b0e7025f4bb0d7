"""Trained machines that come with the package."""

import keras
import numpy as np
import pytest

import keras_rbm
from keras_rbm import data, presets

NAMES = sorted(presets.PRESETS)


@pytest.fixture(scope="module", params=NAMES)
def loaded(request):
    return request.param, keras_rbm.RBM.from_preset(request.param)


def test_they_load_with_their_chains(loaded):
    name, rbm = loaded
    preset = presets.PRESETS[name]
    assert rbm.visible.width == np.prod(preset.image_shape)
    assert rbm.image_shape == preset.image_shape
    kernel = keras.ops.convert_to_numpy(rbm.kernel)
    assert kernel.dtype == np.float32
    # It was stored in half precision.
    np.testing.assert_array_equal(kernel, kernel.astype("float16"))
    particles = keras.ops.convert_to_numpy(rbm.fantasy_particles)
    assert particles.shape == (100, rbm.visible.width)
    assert set(np.unique(particles)) == {0, 1}
    # Digits are dark, and no two of them are the same.
    assert 0.05 < particles.mean() < 0.45
    assert len(np.unique(particles, axis=0)) > 90


def test_the_card_says_what_is_in_the_registry(loaded):
    name, rbm = loaded
    card = presets.card(name)
    preset = presets.PRESETS[name]
    assert card.startswith(f"# {name}\n\n{preset.description}")
    assert f"{preset.log_likelihood:.2f} to" in card
    assert f"{rbm.visible.width} x {rbm.hidden.width}" in card
    for part in ("**Data:**", "**Licence:**", "**Made by:**", "train.py"):
        assert part in card


def test_half_precision_keeps_the_likelihood(loaded):
    """The card has both numbers, of the same draws."""
    name, _ = loaded
    (single,) = (
        float(line.split("has ")[1].split(" nats")[0])
        for line in presets.card(name).splitlines()
        if "machine has" in line
    )
    assert presets.PRESETS[name].log_likelihood == pytest.approx(
        single, abs=0.1
    )


def test_the_digits_have_the_likelihood_of_their_card():
    rbm = keras_rbm.RBM.from_preset("digits", seed=1)
    assert rbm.seed == 1
    assert rbm.image_shape == (8, 8)
    test = data.binarized(data.digits().test, "stochastic")
    found = rbm.log_likelihood(test, "ais", num_betas=500, seed=0)
    preset = presets.PRESETS["digits"]
    error = np.hypot(
        found.log_partition.standard_error, 0.1
    )  # The same examples as those of the card.
    assert abs(found.lower - preset.log_likelihood) < 0.3 + 3 * error
    samples = rbm.sample(5, num_sweeps=20, seed=0)
    assert samples.shape == (5, 64)


def test_a_model_of_your_own_is_a_preset_too(tmp_path):
    model = keras_rbm.ClassRBM(4, 2, 3, seed=0)
    model.image_shape = (2, 2)
    path = tmp_path / "model.keras"
    model.save(path)
    again = keras_rbm.ClassRBM.from_preset(path, dtype="float64")
    assert again.kernel.dtype == "float64"
    np.testing.assert_array_equal(again.kernel, model.kernel)
    assert again.image_shape == (2, 2)
    with pytest.raises(ValueError, match="call `from_preset` of ClassRBM"):
        keras_rbm.RBM.from_preset(path)


def test_what_is_no_preset_is_refused(tmp_path):
    for wrong in ("digit", tmp_path, tmp_path / "none.keras"):
        with pytest.raises(ValueError, match=r"one of \['digits'"):
            keras_rbm.RBM.from_preset(wrong)
    with pytest.raises(ValueError, match="`preset` must be one of"):
        presets.card("digit")
