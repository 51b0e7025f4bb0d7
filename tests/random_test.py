import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_rbm import random

SEED = 2026
# Logarithms and the like differ in the last places, up to 4 of them. They may
# differ within one mode too: a processor takes most numbers of an array several
# at once, and the rest singly.
ROUNDING = 4 * np.finfo("float32").eps
MODES = {
    "eager": lambda f: f,
    "graph": tf.function,
    "xla": tf.function(jit_compile=True),
}


@pytest.mark.parametrize(
    ("key", "counter", "words"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
        (
            (0x13198A2E, 0x03707344),
            (0x243F6A88, 0x85A308D3),
            (0xC4923A9C, 0x483DF7A0),
        ),
    ],
)
@pytest.mark.parametrize("mode", MODES)
def test_threefry_gives_the_published_answers(key, counter, words, mode):
    def constants(pair):
        return tuple(tf.constant(x, tf.uint32) for x in pair)

    function = MODES[mode](random.threefry_2x32)
    answer = function(constants(key), constants(counter))
    assert tuple(int(word) for word in answer) == words


def test_bits_are_threefry_of_row_and_column():
    stream = random.stream(SEED)
    bits = random.bits(stream, (3, 4)).numpy()
    for row in range(3):
        for column in range(4):
            counter = tf.constant([row, column], tf.uint32)
            word = random.threefry_2x32(stream.key, counter)[0]
            assert bits[row, column] == int(word)


@pytest.mark.parametrize("mode", ["graph", "xla"])
def test_draws_are_those_of_eager_execution(mode):
    shape = (7, 33)
    probabilities = tf.constant(
        np.random.default_rng(0).random(shape), tf.float32
    )

    def draws(stream, data):
        stream = random.fold_in(stream, data)
        exact = (
            stream.key,
            random.bits(stream, shape),
            random.uniform(stream, shape),
            random.bernoulli(stream, probabilities),
        )
        rounded = random.normal(stream, shape), random.gumbel(stream, shape)
        return exact, rounded

    arguments = random.stream(SEED), tf.constant(2**40 + 3, tf.int64)
    exact, rounded = draws(*arguments)
    compiled_exact, compiled_rounded = MODES[mode](draws)(*arguments)
    for x, y in zip(exact, compiled_exact, strict=True):
        np.testing.assert_array_equal(x, y)
    for x, y in zip(rounded, compiled_rounded, strict=True):
        np.testing.assert_allclose(x, y, rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize(
    "first_row", [50, tf.constant(50), tf.constant(50, tf.int64)]
)
def test_rows_have_addresses(first_row):
    stream = random.stream(SEED)
    shifted = stream._replace(first_row=first_row)
    probabilities = tf.linspace(tf.zeros(9), tf.ones(9), 100)
    for whole, part in [
        (random.bits(stream, (100, 9)), random.bits(shifted, (50, 9))),
        (random.uniform(stream, (100, 9)), random.uniform(shifted, (50, 9))),
        (
            random.bernoulli(stream, probabilities),
            random.bernoulli(shifted, probabilities[50:]),
        ),
    ]:
        np.testing.assert_array_equal(whole[50:], part)
    for draw in random.normal, random.gumbel:
        whole, part = draw(stream, (100, 9)), draw(shifted, (50, 9))
        np.testing.assert_allclose(
            whole[50:], part, rtol=ROUNDING, atol=ROUNDING
        )
    # Nor do the columns depend on how many there are.
    np.testing.assert_array_equal(
        random.bits(stream, (5, 9)), random.bits(stream, (5, 20))[:, :9]
    )


def test_fold_in_keeps_the_rows():
    stream = random.stream(SEED)._replace(first_row=50)
    assert random.fold_in(stream, 3).first_row == 50


def test_fold_in_gives_distinct_streams():
    stream = random.stream(SEED)
    data = [*range(300), *(2**32 + i for i in range(20)), 2**62, 2**63 - 1]
    keys = {tuple(random.fold_in(stream, i).key.numpy()) for i in data}
    keys.add(tuple(stream.key.numpy()))
    assert len(keys) == len(data) + 1
    # The order of two folds matters too.
    one_two = random.fold_in(random.fold_in(stream, 1), 2)
    two_one = random.fold_in(random.fold_in(stream, 2), 1)
    assert one_two.key.numpy().tolist() != two_one.key.numpy().tolist()


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint32", "uint64"])
def test_fold_in_of_a_tensor_is_that_of_the_integer(dtype):
    stream = random.stream(SEED)
    np.testing.assert_array_equal(
        random.fold_in(stream, tf.constant(7, dtype)).key,
        random.fold_in(stream, 7).key,
    )


@pytest.mark.parametrize("data", [2**32 + 5, 2**63 - 1, 2**63, 2**64 - 1])
def test_fold_in_takes_64_bits(data):
    stream = random.stream(SEED)
    expected = random.threefry_2x32(
        stream.key, tf.constant([data >> 32, data & 0xFFFFFFFF], tf.uint32)
    )
    np.testing.assert_array_equal(
        random.fold_in(stream, tf.constant(data, tf.uint64)).key, expected
    )
    np.testing.assert_array_equal(random.fold_in(stream, data).key, expected)


def test_keys_of_many_counters_are_those_of_fold_in():
    stream = random.stream(SEED)
    data = np.array(
        [[0, 3, 2**32 - 1], [2**32 + 5, 2**63, 2**64 - 1]], "uint64"
    )
    found = random.keys(stream, data)
    assert found.shape == (2, 3, 2)
    expected = [random.fold_in(stream, int(x)).key for x in data.ravel()]
    np.testing.assert_array_equal(found.reshape(-1, 2), expected)
    # In a graph, Threefry runs on tensors.
    in_graph = tf.function(lambda x: random.fold_in(stream, x).key)
    for key, x in zip(found.reshape(-1, 2), data.ravel(), strict=True):
        np.testing.assert_array_equal(key, in_graph(tf.constant(x)))


def test_every_bit_is_fair():
    words = random.bits(random.stream(SEED), (1000, 100)).numpy().ravel()
    ones = (words[:, None] >> np.arange(32, dtype="uint32")) & 1
    error = 0.5 / np.sqrt(len(words))
    assert np.abs(ones.mean(axis=0) - 0.5).max() < 4 * error


def test_uniform_draws():
    u = random.uniform(random.stream(SEED), (1000, 100))
    assert u.dtype == tf.float32
    u = u.numpy().astype("float64").ravel()
    assert u.min() >= 0.0
    assert u.max() < 1.0
    np.testing.assert_array_equal(u * 2**24, np.floor(u * 2**24))
    assert abs(u.mean() - 1 / 2) < 4 * np.sqrt(1 / 12 / u.size)
    # Fourth central moment 1/80, second 1/12.
    assert abs(u.var() - 1 / 12) < 4 * np.sqrt((1 / 80 - 1 / 144) / u.size)
    counts = np.histogram(u, bins=256, range=(0, 1))[0]
    # Neither too uneven nor too even.
    assert 1e-4 < stats.chisquare(counts).pvalue < 1 - 1e-4


def assert_uncorrelated(columns):
    """No pair of columns is correlated: sum n r**2 is chi-square."""
    correlations = np.corrcoef(columns, rowvar=False)
    r = correlations[np.triu_indices_from(correlations, 1)]
    p_value = stats.chi2.sf(len(columns) * (r**2).sum(), r.size)
    assert 1e-4 < p_value < 1 - 1e-4


def test_columns_rows_and_streams_are_uncorrelated():
    stream = random.stream(SEED)
    u = random.uniform(stream, (1000, 40)).numpy()
    assert_uncorrelated(u)
    assert_uncorrelated(random.uniform(stream, (40, 1000)).numpy().T)
    streams = [random.fold_in(stream, i) for i in range(20)]
    streams += [random.stream(i) for i in range(20)]
    assert_uncorrelated(
        np.stack([random.uniform(s, (1, 1000))[0] for s in streams], axis=1)
    )


def test_bernoulli_draws():
    p = np.array([0.0, 1e-3, 0.1, 0.5, 0.9, 1 - 1e-3, 1.0], "float32")
    rows = 40_000
    x = random.bernoulli(random.stream(SEED), tf.tile(p[None], (rows, 1)))
    assert x.dtype == tf.float32
    x = x.numpy()
    assert set(np.unique(x)) == {0.0, 1.0}
    # For p = 0 and p = 1 there is no error at all.
    error = np.sqrt(p * (1 - p) / rows)
    assert (np.abs(x.mean(axis=0, dtype="float64") - p) <= 4 * error).all()


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_bernoulli_draws_keep_the_dtype(dtype):
    p = tf.fill((50, 3), tf.constant(0.25, dtype))
    x = random.bernoulli(random.stream(SEED), p)
    assert x.dtype == dtype
    expected = random.bernoulli(random.stream(SEED), tf.cast(p, tf.float32))
    np.testing.assert_array_equal(tf.cast(x, tf.float32), expected)


@pytest.mark.parametrize(
    ("draw", "law"),
    [(random.normal, stats.norm()), (random.gumbel, stats.gumbel_r())],
)
def test_continuous_draws(draw, law):
    x = draw(random.stream(SEED), (1000, 100))
    assert x.dtype == tf.float32
    x = x.numpy().astype("float64").ravel()
    mean, variance, _, excess = (float(m) for m in law.stats("mvsk"))
    assert abs(x.mean() - mean) < 4 * np.sqrt(variance / x.size)
    error = variance * np.sqrt((excess + 2) / x.size)
    assert abs(x.var() - variance) < 4 * error
    assert 1e-4 < stats.kstest(x, law.cdf).pvalue < 1 - 1e-4


@pytest.mark.parametrize("mode", MODES)
def test_extreme_words_give_finite_draws(monkeypatch, mode):
    words = np.array([[0, 1, 2**31, 2**32 - 2, 2**32 - 1]], "uint32")
    monkeypatch.setattr(
        random, "bits", lambda stream, shape: tf.constant(words)
    )

    def draws():
        return [
            draw(random.stream(SEED), words.shape)
            for draw in (random.uniform, random.normal, random.gumbel)
        ]

    uniform, normal, gumbel = (x.numpy()[0] for x in MODES[mode](draws)())
    assert uniform[0] == 0.0
    assert uniform[-1] == 1 - 2.0**-24
    assert np.isfinite(normal).all()
    assert np.isfinite(gumbel).all()
    # Where the tails end.
    end = stats.norm.ppf(2.0**-24)
    assert normal[0] == pytest.approx(end, rel=1e-3)
    assert normal[-1] == pytest.approx(-end, rel=1e-3)


def test_probabilities_of_0_and_1_are_certain(monkeypatch):
    words = np.array([[0, 2**32 - 1]], "uint32")
    monkeypatch.setattr(
        random, "bits", lambda stream, shape: tf.constant(words)
    )
    for p in (0.0, 1.0):
        x = random.bernoulli(random.stream(SEED), tf.fill((1, 2), p))
        np.testing.assert_array_equal(x, [[p, p]])


def test_streams_of_seeds():
    seeds = [0, 1, 2, 2**32, 2**32 + 1, 2**63, 2**64 - 1]
    keys = {tuple(random.stream(seed).key.numpy()) for seed in seeds}
    assert len(keys) == len(seeds)
    np.testing.assert_array_equal(
        random.stream(np.int64(3)).key, random.stream(3).key
    )


@pytest.mark.parametrize("seed", [0, 2**31, 2**40 + 3, 2**63 - 1])
def test_a_tensor_is_the_seed_that_it_holds(seed):
    found = random.stream(tf.constant(seed, tf.int64))
    np.testing.assert_array_equal(found.key, random.stream(seed).key)


@pytest.mark.parametrize(
    "seed", [-1, 2**64, 1.5, 1.0, True, "1", np.float32(1), [1]]
)
def test_bad_seeds(seed):
    with pytest.raises(ValueError, match=r"`seed` must be .* Received: seed="):
        random.stream(seed)


def test_no_seed_is_one_from_the_generator_of_python():
    keys = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        keys.append(random.stream(None).key.numpy().tolist())
        assert random.stream(None).key.numpy().tolist() != keys[-1]
    assert keys[0] == keys[1] != keys[2]


def test_no_two_uses_share_a_number():
    values = [use.value for use in random.Use]
    assert len(values) == len(random.Use.__members__) == len(set(values))
    for part, number in values:
        assert part in (
            "seed",
            "run",
            "sweep",
            "draw",
            "evaluation",
            "bracket",
        )
        assert 0 <= number < 2**64


def test_numbers_from_1000_to_2_to_the_32_are_free_for_users():
    numbers = {use.value[1] for use in random.Use}
    assert not [number for number in numbers if 1000 <= number < 2**32]


def test_a_use_is_folded_in_by_its_number():
    stream = random.stream(3)
    for use in random.Use:
        _, number = use.value
        np.testing.assert_array_equal(
            random.fold_in(stream, use).key, random.fold_in(stream, number).key
        )


def test_uses_of_one_seed_draw_apart():
    """Also beside what is counted: the first updates, sweeps and rows."""
    stream = random.stream(0)
    keys = {
        tuple(random.fold_in(stream, use).key.numpy())
        for use in random.Use
        if use.value[0] == "seed"
    }
    assert len(keys) == sum(use.value[0] == "seed" for use in random.Use)
    sweeps = {tuple(random.fold_in(stream, i).key.numpy()) for i in range(50)}
    for use in (random.Use.START, random.Use.KEEP):
        assert tuple(random.fold_in(stream, use).key.numpy()) not in sweeps
