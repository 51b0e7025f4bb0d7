import keras
import numpy as np

from keras_rbm import ClassRBM
from keras_rbm.data import Data, with_labels
from keras_rbm.evaluation import classification, evaluate, table


def model_of(**kwargs):
    model = ClassRBM(4, 3, 5, seed=0, **kwargs)
    rng = np.random.default_rng(0)
    model.kernel.assign(2 * rng.normal(size=(7, 5)))
    return model


def rows(count=40):
    rng = np.random.default_rng(1)
    x = rng.integers(0, 2, (count, 4)).astype("float32")
    return with_labels(x, rng.integers(0, 3, count), 3)


def test_figures_are_those_of_the_probabilities():
    model, v = model_of(), rows()
    found = classification.figures(model, v)["classification"]
    p = model.class_probabilities(v[:, :4])
    own = np.sum(p * v[:, 4:], axis=1)
    wrong = own < p.max(axis=1)
    assert 0 < wrong.mean() < 1
    np.testing.assert_allclose(found["error"], wrong.mean())
    np.testing.assert_allclose(
        found["standard_error"], wrong.std() / np.sqrt(40)
    )
    np.testing.assert_allclose(
        found["conditional_log_likelihood"],
        np.log(own).mean(),
        rtol=1e-5,  # Logarithms of float32, up to 10.
    )


def test_a_probability_of_zero_is_no_minus_infinity():
    model = model_of()
    model.visible_params["bias"].assign([0, 0, 0, 0, 1000, 0, 0])
    found = classification.figures(model, rows())["classification"]
    assert -100 < found["conditional_log_likelihood"] < -10


def test_an_evaluation_tells_the_error(tmp_path):
    model, v = model_of(), rows()
    data = Data("made-up", v[:20], test=v)
    figures = evaluate(model, data, str(tmp_path))
    assert figures["splits"]["train"]["log_likelihood"]
    told = table(figures)
    for split, x in (("train", v[:20]), ("test", v)):
        error = classification.figures(model, x)["classification"]["error"]
        assert figures["splits"][split]["classification"]["error"] == error
        assert f"Error of p(y | x) on {split}: {100 * error:.2f} %" in told


def test_without_a_generative_part_there_are_no_likelihoods(tmp_path):
    model = model_of(generative_weight=0)
    figures = evaluate(model, Data("made-up", rows()), str(tmp_path))
    assert figures["log_partition"] is None
    assert "No likelihoods: the model has learned p(y | x)" in table(figures)
    assert figures["splits"]["train"]["classification"]


def test_models_without_classes_have_none():
    assert classification.figures(keras.Model(), rows()) == {}
    assert classification.lines({"train": {"examples": 1}}) == []
