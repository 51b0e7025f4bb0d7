import numpy as np
import pytest

from keras_rbm import Gibbs, Tempered, samplers
from keras_rbm.models import averages, sampling
from tests.machines import data, rbm, rounding
from tests.oracle import Oracle

ORACLE = Oracle.draw(5, 4, seed=1)
SAMPLERS = [Gibbs(), Tempered(3)]


@pytest.fixture(scope="module")
def model():
    return rbm(ORACLE)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_blocks_change_no_mean(model, monkeypatch, sampler):
    v = data(4)
    whole = model.denoise(v, 7, seed=1, sampler=sampler)
    count = averages._advance.experimental_get_tracing_count
    before = count()
    for block in (1, 2, 3, 5):
        work = max(4 * 20 * sampler.rows, sampling._LEAST)
        monkeypatch.setattr(sampling, "_WORK", block * work)
        np.testing.assert_array_equal(
            model.denoise(v, 7, seed=1, sampler=sampler), whole
        )
    # Nor is another number of sweeps compiled anew.
    assert (model.denoise(v, 8, seed=1, sampler=sampler) != whole).numpy().any()
    assert count() == before


def test_means_along_gibbs_chains_are_of_their_own_hidden_states(model):
    """The mean that samplers have in general, and that of Gibbs sampling.

    Both are means of E[v | h] along the same v, with other draws of h. Of a
    machine whose h are certain they are the same.
    """

    class Plain(Gibbs):
        run_mean = samplers.Sampler.run_mean

    sure = rbm(Oracle(200 * ORACLE.kernel, np.zeros(5), np.full(4, 0.5)))
    v = data(9)
    first, second = (
        sure.denoise(v, 6, seed=1, sampler=sampler)
        for sampler in (Gibbs(), Plain())
    )
    np.testing.assert_allclose(first, second, atol=rounding("float32", 1.0, 4))
    # And draws of h are other ones, where there is a choice.
    other = model.denoise(v, 1, seed=1, sampler=Plain())
    assert (other != model.denoise(v, 1, seed=1)).numpy().any()


def test_progress(model, monkeypatch, capsys):
    monkeypatch.setattr("keras_rbm.progress_bar._PATIENCE", 0.0)
    monkeypatch.setattr(sampling, "_WORK", sampling._LEAST)
    mask = np.arange(5) < 2
    for predict in (
        lambda verbose: model.denoise(data(4), 7, verbose=verbose),
        lambda verbose: model.predict_missing(
            data(4), mask, 7, verbose=verbose
        ),
    ):
        predict(1)
        told = capsys.readouterr().out
        assert "Averaging" in told
        assert "28/28" in told
        predict(0)
        assert not capsys.readouterr().out


def test_bad_arguments(model):
    for predict in (
        lambda **options: model.denoise(data(3), 2, **options),
        lambda **options: model.predict_missing(
            data(3), np.arange(5) < 2, 2, **options
        ),
        lambda **options: model.inpaint(
            data(3), np.arange(5) < 2, 2, **options
        ),
        lambda **options: model.reconstruct(data(3), 2, **options),
    ):
        with pytest.raises(ValueError, match="`sampler` must be"):
            predict(sampler="tempered")
        with pytest.raises(ValueError, match="`verbose` must be"):
            predict(verbose="no")
        with pytest.raises(ValueError, match="`inverse_temperature` must be"):
            predict(inverse_temperature=0)
