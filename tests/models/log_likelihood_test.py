"""What a model says of its likelihood, against enumeration."""

import html
import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import binom

from keras_rbm import (
    RBM,
    Bernoulli,
    Binomial,
    ClassRBM,
    Composite,
    DeepBoltzmannMachine,
    FreshCompletion,
    Gaussian,
    PersistentChain,
    Softmax,
    Spin,
    likelihood,
)
from keras_rbm.likelihood import Bracket, Estimate, Exact
from keras_rbm.models import log_likelihood as module
from keras_rbm.models.log_likelihood import MeanLogLikelihood
from tests import made_up_rows
from tests.machines import assert_law, batches, data, rbm, rounding
from tests.oracle import Oracle

ais_module = importlib.import_module("keras_rbm.likelihood.ais")
ORACLE = Oracle.draw(5, 4, seed=3)
# The parameters are rounded to float32, all else is float64.
ERROR = rounding("float32", 3.0, 30)
AIS = {"method": "ais", "num_betas": 100, "num_chains": 60, "num_sweeps": 20}


@pytest.fixture(scope="module")
def model():
    model = rbm(ORACLE)
    model.data_mean.assign(ORACLE.moments()[1])
    return model


@pytest.fixture(scope="module")
def by_ais(model):
    return model.log_likelihood(data(), **AIS, seed=1)


def brackets(forward, reverse):
    def estimate(log_z):
        return Estimate(log_z, 0.3, 60.0, np.zeros(100), np.zeros((100, 5)))

    return Bracket(estimate(forward), estimate(reverse), estimate(forward))


@pytest.mark.parametrize("method", ["auto", "exact"])
def test_it_is_exact_where_it_can_be(model, method):
    result = model.log_likelihood(data(), method)
    expected = ORACLE.log_likelihood(data())
    assert float(result) == pytest.approx(expected.mean(), abs=ERROR)
    assert result.lower == result.upper == float(result)
    assert isinstance(result.log_partition, Exact)
    np.testing.assert_allclose(
        result.scores, -ORACLE.free_energy(data()), atol=ERROR
    )
    assert result.scores.dtype == "float64"
    error = expected.std(ddof=1) / np.sqrt(len(expected))
    assert result.standard_error == pytest.approx(error, abs=ERROR)
    assert result.trusted


@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_the_inverse_temperature_counts(beta):
    oracle = Oracle(
        ORACLE.kernel, ORACLE.visible_bias, ORACLE.hidden_bias, beta
    )
    assert float(rbm(oracle).log_likelihood(data())) == pytest.approx(
        oracle.log_likelihood(data()).mean(), abs=2 * ERROR
    )


def test_a_bfloat16_kernel_is_that_of_the_model():
    model = rbm(ORACLE, dtype="mixed_bfloat16")
    rounded = Oracle(
        tf.cast(model.kernel.value, tf.bfloat16).numpy().astype("float64"),
        ORACLE.visible_bias,
        ORACLE.hidden_bias,
    )
    assert float(model.log_likelihood(data())) == pytest.approx(
        rounded.log_likelihood(data()).mean(), abs=ERROR
    )


def test_by_ais_it_is_bracketed(model, by_ais):
    exact = ORACLE.log_likelihood(data()).mean()
    bracket = by_ais.log_partition
    assert isinstance(bracket, Bracket)
    assert by_ais.lower <= by_ais.upper
    assert float(by_ais) == by_ais.lower
    # The ends are estimates themselves.
    error = 4 * bracket.standard_error
    assert by_ais.lower < exact + error
    assert by_ais.upper > exact - error
    assert by_ais.upper - by_ais.lower == pytest.approx(bracket.gap)
    assert by_ais.warnings[: len(bracket.warnings)] == bracket.warnings
    assert by_ais.trusted == bracket.trusted
    energies = ORACLE.free_energy(data())
    gap = energies.mean() - ORACLE.free_energy(bracket.forward.particles).mean()
    assert bracket.fit.free_energy_gap[0] == pytest.approx(gap, abs=10 * ERROR)
    for estimate in (bracket.reverse, bracket.from_data):
        error = 4 * estimate.standard_error
        assert abs(estimate.log_z - ORACLE.log_z) < error
    assert ORACLE.log_z - 0.5 < bracket.visited < ORACLE.log_z + ERROR


def test_a_seed_gives_the_same_again(model, by_ais):
    again, other = (
        model.log_likelihood(data(), **AIS, seed=seed) for seed in (1, 2)
    )
    assert float(again) == float(by_ais)
    assert str(again) == str(by_ais)
    assert float(other) != float(by_ais)
    without = [model.log_partition(**AIS).lower for _ in range(2)]
    assert without[0] != without[1]


def test_a_second_call_needs_no_other_trace(model, by_ais):
    functions = (
        ais_module._run,
        module._run,
        module._free_energy,
        module._pseudo,
    )

    def traces():
        return [f.experimental_get_tracing_count() for f in functions]

    model.pseudo_log_likelihood(data())
    before = traces()
    # Another number of examples, of betas or of sweeps needs none either.
    more = {**AIS, "num_betas": 120, "num_sweeps": 30}
    model.log_likelihood(data(7), **more)
    model.pseudo_log_likelihood(data(7))
    model.pseudo_log_likelihood(batches(data(), size=10))
    assert traces() == before


def test_what_is_known_of_log_z_is_used_again(model):
    known = brackets(3.0, 3.5)
    result = model.log_likelihood(data(), log_partition=known)
    mean = -ORACLE.free_energy(data()).mean()
    assert result.log_partition is known
    assert result.lower == pytest.approx(mean - 3.5, abs=ERROR)
    assert result.upper == pytest.approx(mean - 3.0, abs=ERROR)


@pytest.mark.parametrize("size", [1, 7, 16, 48])
def test_data_sets(model, size):
    expected = model.log_likelihood(data())
    for columns in ((data(),), (data(), np.zeros(48))):
        result = model.log_likelihood(batches(*columns, size=size))
        np.testing.assert_array_equal(result.scores, expected.scores)
        assert float(result) == float(expected)
    np.testing.assert_array_equal(
        model.pseudo_log_likelihood(batches(data(), size=size)),
        model.pseudo_log_likelihood(data()),
    )


@pytest.mark.parametrize("dtype", ["uint8", "int64", bool, "float64"])
def test_states_may_come_in_any_dtype(model, dtype):
    for v in (data().astype(dtype), tf.constant(data().astype(dtype))):
        assert float(model.log_likelihood(v)) == float(
            model.log_likelihood(data())
        )


def test_more_examples_than_a_batch_has(monkeypatch, model):
    monkeypatch.setattr(module, "_BATCH", 20)
    x = data(50)  # The last batch has 10.
    for x_ in (x, batches(x, size=7)):
        result = model.log_likelihood(x_)
        np.testing.assert_allclose(
            result.scores, -ORACLE.free_energy(x), atol=ERROR
        )
        np.testing.assert_allclose(
            model.pseudo_log_likelihood(x_),
            ORACLE.pseudo_log_likelihood(x),
            atol=10 * ERROR,
        )


@pytest.mark.parametrize("size", [None, 7, 1000])
def test_ais_looks_at_the_first_examples(monkeypatch, model, size):
    seen = []

    def bracket(machine, base, v_model, stream, v, *arguments, **rows):
        seen.append(v.numpy())
        return brackets(3.0, 3.5)

    monkeypatch.setattr(module.likelihood, "bracket", bracket)
    monkeypatch.setattr(module, "_BATCH", 20)
    monkeypatch.setattr(module, "_EXAMPLES", 60)
    x = data(100)
    model.log_likelihood(x if size is None else batches(x, size=size), **AIS)
    np.testing.assert_array_equal(seen[0], x[:60])
    model.log_partition(**AIS, v=data(10))
    np.testing.assert_array_equal(seen[1], data(10))


@pytest.mark.parametrize("count", [7, 60, 100])
def test_the_reverse_starts_from_the_persistent_chains(monkeypatch, count):
    model = rbm(ORACLE, chain=PersistentChain(count))
    starts = []

    def run(sampler, machine, state, stream, num_sweeps):
        starts.append(state.v.numpy())
        assert num_sweeps == 20
        return state.v

    monkeypatch.setattr(module, "_run", run)
    monkeypatch.setattr(
        module.likelihood,
        "bracket",
        lambda machine, base, v_model, *_, **rows: (v_model, rows["v_moved"]),
    )
    v_model, v_moved = model.log_partition(**AIS, v=data(70), seed=0)
    # As often as it takes: sweeps make other samples of the same start.
    expected = np.resize(model.fantasy_particles, (60 - 24, 5))
    np.testing.assert_array_equal(starts[0][:36], expected)
    np.testing.assert_array_equal(v_model, expected)
    # Behind them stand examples, evenly spaced: half of the chains at most.
    np.testing.assert_array_equal(starts[0][36:], data(70)[::3])
    np.testing.assert_array_equal(v_moved, data(70)[::3])


def test_the_reverse_starts_from_samples_of_the_machine(monkeypatch, model):
    monkeypatch.setattr(
        module.likelihood,
        "bracket",
        lambda machine, base, v_model, *_, **rows: v_model,
    )
    v_model = model.log_partition(
        method="ais", num_chains=20_000, num_sweeps=50, seed=0
    )
    assert_law(v_model, ORACLE.p_visible)


@pytest.mark.parametrize("value", [0.5, np.inf])
@pytest.mark.parametrize("kind", [np.asarray, batches])
def test_only_states_have_a_likelihood(model, value, kind):
    x = data()
    x[47, 2] = value
    words = "alone: a machine of Bernoulli" if value == 0.5 else "finite values"
    known = Exact(3.0)
    for ask in (
        model.log_likelihood,
        lambda v: model.log_likelihood(v, log_partition=known),
        model.pseudo_log_likelihood,
        lambda v: model.log_partition(**AIS, v=v),
    ):
        with pytest.raises(ValueError, match=rf"must hold .*{words}"):
            ask(kind(x))


def test_log_z_is_given_or_computed_not_both(model):
    v = data()
    for wrong in ({"method": "ais"}, {"num_betas": 5}, {"num_beta": 5}):
        with pytest.raises(ValueError, match="`log_partition` is log Z alread"):
            model.log_likelihood(v, log_partition=Exact(3.0), **wrong)
    with pytest.raises(ValueError, match=r"returns\. .* log_partition=3\.0"):
        model.log_likelihood(v, log_partition=3.0)


def test_data_must_come_to_an_end(model):
    endless = batches(data()).repeat()
    for ask in (model.log_likelihood, model.pseudo_log_likelihood):
        with pytest.raises(ValueError, match="`v` must come to an end"):
            ask(endless)
    few = model.log_likelihood(endless.take(2))
    assert len(few.scores) == 32


@pytest.mark.parametrize("v", [np.zeros((3, 4)), np.zeros((0, 5)), None])
def test_data_of_other_shapes(model, v):
    for ask in (model.log_likelihood, model.pseudo_log_likelihood):
        with pytest.raises(ValueError, match="`v` must"):
            ask(v)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("method", "AIS", '`method` must be "auto", "exact" or "ais"'),
        ("num_betas", 0, "`num_betas` must be a positive integer"),
        ("num_betas", 2.5, "`num_betas` must be a positive integer"),
        ("num_chains", 0, "`num_chains` must be a positive integer"),
        ("num_sweeps", -1, "`num_sweeps` must be a positive integer"),
        ("seed", -1, "`seed` must be an integer"),
        ("verbose", 3, "`verbose` must be"),
    ],
)
def test_arguments_are_named(model, name, value, words):
    arguments = {**AIS, name: value}
    for ask in (
        lambda: model.log_partition(**arguments),
        lambda: model.log_likelihood(data(), **arguments),
    ):
        with pytest.raises(ValueError, match=f"{words}.*{name}={value!r}$"):
            ask()


def test_auto_takes_ais_where_there_are_too_many_states(monkeypatch):
    model = RBM(40, 26, seed=0)
    with pytest.raises(ValueError, match=r'use AIS \(method="ais"\)'):
        model.log_partition("exact")
    monkeypatch.setattr(
        module.likelihood, "bracket", lambda *_, **__: brackets(3.0, 3.5)
    )
    monkeypatch.setattr(module, "_run", lambda machine, v, *_: v)
    assert isinstance(model.log_partition(), Bracket)


def test_a_diverged_model_is_not_trusted():
    model = rbm(ORACLE)
    model.kernel.assign(np.full((5, 4), np.nan))
    result = model.log_likelihood(data())
    assert np.isnan(float(result))
    assert not result.trusted
    assert "not to be trusted" in str(result)


def test_errors_add_in_quadrature():
    scores = np.array([1.0, 2.0, 6.0])
    spread = scores.std(ddof=1) / np.sqrt(3)
    exact = MeanLogLikelihood(scores, Exact(2.0))
    assert exact.standard_error == pytest.approx(spread)
    result = MeanLogLikelihood(scores, brackets(2.0, 2.5))
    assert result.standard_error == pytest.approx(np.hypot(spread, 0.3))


def test_a_single_example_does_not_show_its_error():
    scores = np.array([1.0])
    one = MeanLogLikelihood(scores, Exact(2.0), baseline_scores=scores + 1)
    assert one.standard_error == one.gain_standard_error == np.inf
    # It is not known whether the model is better.
    assert not one.beats_baseline
    assert one.warnings == ()
    assert "+- inf (1 examples)" in str(one)
    assert "no better" not in str(one)


def test_it_prints_its_uncertainty():
    scores = np.array([1.0, 2.0, 6.0])
    assert str(MeanLogLikelihood(scores, Exact(2.0))) == (
        "log-likelihood 1.000 nats, +- 1.528 (3 examples)\n"
        "log Z = 2.0000 nats (exact)"
    )
    bracket = brackets(2.0, 3.5)
    told = str(MeanLogLikelihood(scores, bracket))
    assert told == (
        "log-likelihood -0.500 to 1.000 nats, not trusted (3 examples)\n"
        f"{bracket}"
    )
    assert "not to be trusted: AIS and reverse AIS are 1.50 nats" in told


def test_over_all_sites_the_pseudo_likelihood_is_exact(model):
    values = model.pseudo_log_likelihood(data())
    assert values.dtype == "float64"
    np.testing.assert_allclose(
        values, ORACLE.pseudo_log_likelihood(data()), atol=10 * ERROR
    )


GAINED = np.array([0.5, 1.0, 3.0])
BASELINE = np.array([-1.0, -2.0, 1.0])


def test_the_gain_is_over_the_baseline():
    result = MeanLogLikelihood(GAINED, Exact(1.0), False, BASELINE, 4)
    difference = GAINED - 1.0 - BASELINE
    assert result.baseline == pytest.approx(BASELINE.mean())
    assert result.gain == pytest.approx(difference.mean())
    error = difference.std(ddof=1) / np.sqrt(3)
    assert result.gain_standard_error == pytest.approx(error)
    bits = difference.mean() / np.log(2) / 4
    assert result.gain_in_bits == pytest.approx(bits)
    assert result.beats_baseline
    assert result.warnings == ()
    assert str(result) == (
        "log-likelihood 0.500 nats, +- 0.764 (3 examples)\n"
        f"  independent units -0.667 nats; gain +1.167 +- {error:.3f} nats, "
        f"{bits:+.4f} bits a column\n"
        "log Z = 1.0000 nats (exact)"
    )


@pytest.mark.parametrize("added", [2.0, np.array([1.0, 2.0, 3.0])])
def test_in_own_units_the_gain_is_the_same(added):
    encoded = MeanLogLikelihood(GAINED, Exact(1.0), False, BASELINE, 4)
    own = encoded.in_own_units(added)
    assert own.lower == pytest.approx(encoded.lower + 2)
    assert own.upper == pytest.approx(encoded.upper + 2)
    assert own.baseline == pytest.approx(encoded.baseline + 2)
    assert own.gain == pytest.approx(encoded.gain)
    assert own.gain_standard_error == pytest.approx(encoded.gain_standard_error)
    said = "in the data's own units: +2.000 nats (the log Jacobian of the scali"
    assert said in str(own)
    assert html.escape(said) in own._repr_html_()
    assert "own units" not in str(encoded)


def test_what_in_own_units_refuses():
    encoded = MeanLogLikelihood(GAINED, Exact(1.0))
    for wrong in (np.zeros(2), np.zeros((3, 1)), np.nan):
        with pytest.raises(ValueError, match="`log_jacobian` must be a finite"):
            encoded.in_own_units(wrong)
    with pytest.raises(ValueError, match="own units already"):
        encoded.in_own_units(0.0).in_own_units(0.0)


def test_a_model_that_does_not_beat_the_baseline_is_reported():
    close = MeanLogLikelihood(BASELINE + np.array([1.5, 0.5, 1.2]), Exact(1.0))
    result = close._replace(baseline_scores=BASELINE, columns=4)
    assert 0 < result.gain < result.gain_standard_error
    assert not result.beats_baseline
    assert result.trusted  # Its number is right.
    (warning,) = result.warnings
    assert warning.startswith("the model is no better than independent units")
    for cause in ("too few updates", "kernel_initializer", "step size"):
        assert cause in warning
    assert f"  warning: {warning}" in str(result)
    assert "no better than independent" in result._repr_html_()


def test_it_is_short_in_a_notebook():
    scores = np.zeros(10_000)
    result = MeanLogLikelihood(scores, brackets(2.0, 2.5), False, scores - 4, 4)
    assert repr(result) == (
        "MeanLogLikelihood(-2.500, -2.000, baseline=-4.000, "
        "standard_error=0.300, examples=10000)"
    )
    page = result._repr_html_()
    assert page.startswith("<table>")
    for text in ("-2.500 to -2.000 nats", "-4.000 nats", "+1.500 +- 0.300"):
        assert text in page
    assert len(page) < 1500


def test_without_data_there_is_no_baseline():
    result = rbm(ORACLE).log_likelihood(data())
    assert result.baseline is result.gain is result.gain_in_bits is None
    assert result.gain_standard_error is result.beats_baseline is None
    assert "independent units" not in str(result)
    assert "independent units" not in result._repr_html_()
    assert "baseline" not in repr(result)


def normal(x, mean, variance):
    return -0.5 * ((x - mean) ** 2 / variance + np.log(2 * np.pi * variance))


def bits(x, p):
    return x * np.log(p) + (1 - x) * np.log1p(-p)


RNG = np.random.default_rng(0)
BITS = RNG.integers(0, 2, (60, 3)).astype("float32")
REAL = RNG.normal([1.0, -2.0], [0.5, 2.0], (60, 2)).astype("float32")
COUNTS = RNG.integers(0, 4, (60, 2)).astype("float32")
KINDS = np.eye(3, dtype="float32")[RNG.integers(0, 3, 60)]
# Units, rows, and log p(v) of each under the law of independent columns.
LAWS = {
    "bernoulli": (
        Bernoulli(3),
        BITS,
        lambda: bits(BITS, BITS.mean(axis=0)).sum(axis=1),
    ),
    "spin": (
        Spin(3),
        2 * BITS - 1,
        lambda: bits(BITS, BITS.mean(axis=0)).sum(axis=1),
    ),
    "gaussian": (
        Gaussian(2),
        REAL,
        lambda: normal(REAL, REAL.mean(axis=0), REAL.var(axis=0)).sum(axis=1),
    ),
    "binomial": (
        Binomial(2, 3),
        COUNTS,
        lambda: binom(3, COUNTS.mean(axis=0) / 3).logpmf(COUNTS).sum(axis=1),
    ),
    "softmax": (
        Softmax(1, 3),
        KINDS,
        lambda: KINDS @ np.log(KINDS.mean(axis=0)),
    ),
    "composite": (
        Composite(Bernoulli(3), Gaussian(2)),
        np.hstack([BITS, REAL]),
        lambda: LAWS["bernoulli"][2]() + LAWS["gaussian"][2](),
    ),
}


@pytest.mark.parametrize("name", LAWS)
def test_the_baseline_is_the_law_of_independent_columns(name):
    units, v, expected = LAWS[name]
    model = RBM(units, 2, seed=0)
    model.adapt(v)
    result = model.log_likelihood(v)
    np.testing.assert_allclose(result.baseline_scores, expected(), atol=1e-4)
    assert result.columns == units.size
    streamed = model.log_likelihood(batches(v, size=7))
    np.testing.assert_allclose(streamed.baseline_scores, result.baseline_scores)


def test_the_baseline_of_a_class_rbm_is_of_features_and_labels():
    v = np.hstack([BITS, KINDS])
    model = ClassRBM(3, 3, hidden=2, seed=0)
    model.adapt(v)
    result = model.log_likelihood(v)
    expected = LAWS["bernoulli"][2]() + LAWS["softmax"][2]()
    np.testing.assert_allclose(result.baseline_scores, expected, atol=1e-4)
    assert result.columns == 4


def test_the_baseline_of_a_deep_machine_is_of_its_examples():
    model = DeepBoltzmannMachine(3, 2, 2, seed=0)
    model.adapt(BITS)
    result = model.log_likelihood(BITS)
    expected = LAWS["bernoulli"][2]()
    np.testing.assert_allclose(result.baseline_scores, expected, atol=1e-4)
    assert result.columns == 3


def test_a_column_that_never_changes_has_a_finite_baseline():
    model = RBM(3, 2, seed=0)
    model.adapt(BITS * [1, 1, 0])
    v = np.ones((2, 3))
    expected = bits(v, np.array([*BITS.mean(axis=0)[:2], 1e-3])).sum(axis=1)
    np.testing.assert_allclose(
        model.log_likelihood(v).baseline_scores, expected, atol=1e-4
    )


def test_the_baseline_is_saved_with_the_model(tmp_path):
    model = RBM(3, 2, seed=0)
    model.adapt(BITS)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    expected = model.log_likelihood(BITS).baseline
    assert loaded.log_likelihood(BITS).baseline == expected


def put_in_by_hand(visible, hidden, kernel, b, c):
    """A machine that has never seen data."""
    model = RBM(visible, hidden, seed=0)
    model.kernel.assign(kernel)
    model.visible_params["bias"].assign(b)
    model.hidden_params["bias"].assign(c)
    return model


def test_without_data_modes_are_looked_for_by_the_hidden_units():
    """A flat state of e^-15 of the mass, and ten clusters that hide from it."""
    rng = np.random.default_rng(0)
    odds = np.zeros((10, 200))
    odds[0] = np.where(rng.random(200) < 0.5, 2.09, -2.09)
    for row in odds[1:]:
        on = rng.permutation(200) < 100
        row[on] = np.where(rng.random(100) < 0.5, 6.2, -6.2)
    c = 15 + np.log(0.1) - (np.logaddexp(0, odds) - np.log(2)).sum(axis=1)
    model = put_in_by_hand(200, 10, odds.T, np.zeros(200), c)
    exact = model.log_partition("exact").log_z
    found = model.log_partition("ais", num_betas=200, seed=0)
    # Annealing alone finds 138.6 of 153.6 nats.
    assert found.forward.log_z < exact - 10
    assert found.lower == pytest.approx(exact, abs=0.1)
    assert found.upper > exact - 0.1
    assert not found.trusted
    assert "no data were given" in str(found)


def test_without_data_the_base_is_that_of_the_machine():
    """Spins with a mean of 0, where 0.5 stands in what is built."""
    kernel = np.full((10, 1), 0.8)
    bias = np.full(10, 0.03)
    gaussian = Gaussian(1, precision=1.0)
    model = put_in_by_hand(Spin(10), gaussian, kernel, bias, [0.0])
    exact = model.log_partition("exact").log_z
    found = model.log_partition("ais", num_betas=200, seed=0)
    for estimate in (found.forward, found.reverse):
        error = 4 * estimate.standard_error
        assert abs(estimate.log_z - exact) < error
    assert found.visited <= exact + ERROR


def test_a_mode_that_the_chains_miss_shows_by_the_data():
    """A mixture of a broad component and nineteen sharp ones."""
    rng = np.random.default_rng(0)
    columns, components = 200, 20
    p = np.full((components, columns), 0.5)
    p[0] = rng.choice([0.11, 0.89], columns)
    for row in p[1:]:
        sharp = rng.permutation(columns) < columns // 2
        row[sharp] = rng.choice([0.002, 0.998], sharp.sum())
    weight = np.r_[0.1, np.full(components - 1, 0.9 / (components - 1))]
    k = rng.choice(components, 400, p=weight)
    x = (rng.random((400, columns)) < p[k]).astype("float32")
    model = RBM(columns, Softmax(1, components), seed=0)
    model.adapt(x)
    logits = np.log(p / (1 - p))
    b = logits.mean(axis=0)
    c = np.log(weight) - np.logaddexp(0, logits).sum(axis=1)
    model.kernel.assign((logits - b).T)
    model.visible_params["bias"].assign(b)
    model.hidden_params["bias"].assign(c - c.mean())
    exact = model.log_partition("exact").log_z
    found = model.log_partition("ais", x, num_betas=500, seed=0)
    assert found.forward.log_z < exact - 2
    assert not found.trusted
    assert found.lower == pytest.approx(exact, abs=1e-3)
    assert found.upper > exact - 0.1


def test_a_model_that_does_not_fit_has_a_log_z_all_the_same():
    rng = np.random.default_rng(0)
    model = RBM(30, 10, seed=0)
    kernel = rng.normal(size=(30, 10)) * 0.3
    model = put_in_by_hand(30, 10, kernel, np.full(30, -1.0), np.zeros(10))
    exact = model.log_partition("exact").log_z
    v = np.repeat(np.arange(30)[None] < 20, 100, axis=0).astype("float32")
    found = model.log_partition("ais", v, num_betas=500, seed=0)
    assert found.trusted
    assert "the model does not fit the data" in str(found)
    assert abs(found.lower - exact) < 0.1
    assert abs(found.upper - exact) < 0.1


# Rows with missing entries.


def test_the_likelihood_is_that_of_the_observed_entries():
    model = rbm(made_up_rows.ORACLE)
    logs, _ = made_up_rows.expected_rows(made_up_rows.ROWS)
    found = model.log_likelihood(made_up_rows.ROWS, verbose=0)
    np.testing.assert_allclose(found.scores, logs, rtol=1e-5)
    np.testing.assert_allclose(
        float(found), logs.mean() - made_up_rows.ORACLE.log_z
    )
    assert found.upper_scores is None
    # Without any observed entry it is 0.
    np.testing.assert_allclose(
        found.scores[3], made_up_rows.ORACLE.log_z, rtol=1e-6
    )


def test_estimates_stand_on_both_sides(monkeypatch):
    model = rbm(made_up_rows.ORACLE)
    monkeypatch.setattr(
        made_up_rows.observed_lib,
        "exact_rows",
        lambda machine, v: np.zeros(len(v), bool),
    )
    found = model.log_likelihood(made_up_rows.ROWS, seed=0, verbose=0)
    logs, _ = made_up_rows.expected_rows(made_up_rows.ROWS)
    value = logs.mean() - made_up_rows.ORACLE.log_z
    assert found.lower - 5 * found.scores_error < value
    assert value < found.upper + 5 * found.scores_error + 1e-3
    assert found.trusted
    assert found.scores_error > 0
    assert "nats" in str(found)


def test_estimates_that_cross_are_in_order():
    """By chance, the estimate from below may be above the other one."""
    scores = np.array([1.0, 2.0, 3.0])
    found = MeanLogLikelihood(
        scores,
        likelihood.Exact(0.5),
        upper_scores=scores - [0.0, 0.03, 0.0],
        scores_error=0.02,
    )
    assert (found.lower, found.upper) == pytest.approx((1.49, 1.5))
    assert found.estimated_examples == 1
    assert not found.is_exact
    text = str(found)
    assert "1.490 to 1.500 nats" in text
    assert "1 of 3 examples" in text
    assert "0.0100 nats apart, and the standard error due to" in text
    assert found.about_missing.endswith("due to sampling is 0.0200")
    assert found.standard_error > scores.std() / np.sqrt(2)
    plain = found._replace(upper_scores=None, scores_error=0.0)
    assert plain.is_exact
    assert plain.about_missing is None
    assert not plain._replace(is_bound=True).is_exact
    assert "sampling" not in str(plain)
    assert plain.in_own_units(1.0).is_exact
    assert found.in_own_units(1.0).estimated_examples == 1


def test_the_error_is_at_least_half_of_the_gap():
    lower = np.zeros(100)
    error = np.full(100, 0.1)
    for gap, expected in ((0.0, 0.01), (0.5, 0.25), (-0.5, 0.25)):
        found = likelihood.Observed(lower, lower + gap, error)
        assert module.observed_error(found) == pytest.approx(expected)


def test_the_gain_has_the_error_of_the_sums():
    found = MeanLogLikelihood(
        np.ones(3),
        likelihood.Exact(0.0),
        baseline_scores=np.zeros(3),
        upper_scores=np.full(3, 1.1),
        scores_error=0.3,
    )
    assert found.gain_standard_error == pytest.approx(0.3)


def test_streams_with_missing_entries():
    model = rbm(made_up_rows.ORACLE, missing=FreshCompletion())
    logs, h = made_up_rows.expected_rows(made_up_rows.ROWS)
    found = model.predict(batches(made_up_rows.ROWS, size=2), verbose=0)
    np.testing.assert_allclose(found, h, rtol=1e-4)
    scores = model.log_likelihood(
        batches(made_up_rows.ROWS, size=2), verbose=0
    ).scores
    np.testing.assert_allclose(scores, logs, rtol=1e-5)
