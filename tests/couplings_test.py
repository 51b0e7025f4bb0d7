import itertools

import numpy as np
import pytest
from keras import ops

from keras_rbm import (
    RBM,
    Bernoulli,
    Composite,
    Gaussian,
    ReLU,
    Softmax,
    Spin,
    couplings,
)
from keras_rbm import machine as machine_lib
from keras_rbm.machine import Machine

VISIBLE = [Bernoulli(5), Spin(5), Softmax(4, 3)]


def draw(visible, hidden, seed=0, scale=0.4):
    """A machine of random parameters."""
    rng = np.random.default_rng(seed)

    def params(units):
        return {
            name: ops.convert_to_tensor(
                (
                    rng.normal(0, 0.3, parameter.shape)
                    if name == "bias"
                    else rng.uniform(0.8, 1.5, parameter.shape)
                ).astype("float32")
            )
            for name, parameter in units.parameters().items()
        }

    kernel = rng.normal(0, scale, (visible.width, hidden.width))
    return Machine(
        visible,
        hidden,
        ops.convert_to_tensor(kernel.astype("float32")),
        params(visible),
        params(hidden),
    )


def table_of(machine):
    """log p(v) + const, with an axis for each site."""
    visible = machine.visible
    v = visible.joint_states(np.arange(visible.num_joint_states))
    free = ops.convert_to_numpy(machine_lib.free_energy(machine, v))
    return -free.astype("float64").reshape(
        (len(visible.states),) * visible.size
    )


def term(table, chosen):
    """The term of a set of sites: alternating sums of means of log p(v).

    By inclusion and exclusion, which the package does not do.
    """
    count, states = table.ndim, table.shape[0]
    found = np.zeros((states,) * len(chosen))
    for size in range(len(chosen) + 1):
        for kept in itertools.combinations(range(len(chosen)), size):
            sites = [chosen[axis] for axis in kept]
            others = tuple(set(range(count)) - set(sites))
            mean = table.mean(axis=others)
            mean = np.transpose(mean, np.argsort(np.argsort(sites)))
            shape = [states if a in kept else 1 for a in range(len(chosen))]
            found += (-1) ** (len(chosen) - size) * mean.reshape(shape)
    return found


@pytest.mark.parametrize("visible", VISIBLE, ids=str)
@pytest.mark.parametrize("hidden", [Bernoulli(4), ReLU(4)], ids=str)
def test_all_terms_are_those_of_enumeration(visible, hidden):
    machine = draw(visible, hidden)
    table = table_of(machine)
    spins = not isinstance(visible, Softmax)
    found = couplings.effective(machine)
    for i in range(visible.size):
        expected = term(table, (i,))
        np.testing.assert_allclose(
            found.fields[i], expected[1] if spins else expected, atol=1e-5
        )
    for i, j in itertools.permutations(range(visible.size), 2):
        expected = term(table, (i, j))
        np.testing.assert_allclose(
            found.pairs[i, j], expected[1, 1] if spins else expected, atol=1e-5
        )
    assert np.abs(found.pairs).max() > 0.01
    triples = [(0, 1, 2), (3, 0, 2)]
    third = couplings.three_body(machine, triples)
    for own, triple in zip(third, triples, strict=True):
        expected = term(table, triple)
        np.testing.assert_allclose(
            own, expected[1, 1, 1] if spins else expected, atol=1e-5
        )


def test_pairs_explain_p_of_two_sites():
    """With two sites there is nothing but fields and pairs."""
    machine = draw(Softmax(2, 3), Bernoulli(5), scale=1.0)
    found = couplings.effective(machine)
    table = table_of(machine)
    fields = found.fields
    whole = fields[0][:, None] + fields[1][None] + found.pairs[0, 1]
    np.testing.assert_allclose(table - table.mean(), whole, atol=1e-5)


@pytest.mark.parametrize(
    "visible", [Bernoulli(12), Spin(12), Softmax(7, 3)], ids=str
)
def test_the_normal_law_is_near_for_many_sites(visible):
    machine = draw(visible, Bernoulli(6), scale=0.15)
    exact = couplings.effective(machine, max_states=2**12)
    normal = couplings.effective(machine, max_states=0)
    error = np.abs(normal.pairs - exact.pairs).max()
    assert error < 0.02 * np.abs(exact.pairs).max()
    triples = [(0, 1, 2), (1, 4, 6)]
    exact, normal = (
        couplings.three_body(machine, triples, max_states=states)
        for states in (2**12, 0)
    )
    assert np.abs(normal - exact).max() < 0.05 * np.abs(exact).max() + 1e-7


def test_the_normal_law_is_exact_for_gaussian_hidden_units():
    """Their log-partition is quadratic: J is W W^T / precision."""
    machine = draw(Spin(6), Gaussian(3))
    kernel, precision = (
        ops.convert_to_numpy(x).astype("float64")
        for x in (machine.kernel, machine.hidden_params["precision"])
    )
    expected = (kernel / precision) @ kernel.T
    np.fill_diagonal(expected, 0)
    for states in (0, 2**12):
        found = couplings.effective(machine, max_states=states)
        np.testing.assert_allclose(found.pairs, expected, atol=1e-5)


def test_units_of_few_sites_are_summed_exactly():
    """Beside units of many sites, for which the normal law is taken."""
    machine = draw(Spin(14), Bernoulli(6), scale=0.3)
    kernel = ops.convert_to_numpy(machine.kernel).copy()
    # Three units look at the first three sites alone, three at the others.
    kernel[3:, :3] = 0
    kernel[:3, 3:] = 0
    sparse = machine._replace(kernel=ops.convert_to_tensor(kernel))
    found = couplings.effective(sparse, max_states=2**5).pairs[:3, :3]
    exact = couplings.effective(sparse, max_states=2**14).pairs[:3, :3]
    normal = couplings.effective(sparse, max_states=0).pairs[:3, :3]
    np.testing.assert_allclose(found, exact, atol=1e-6)
    assert np.abs(normal - exact).max() > 1e-5


def test_a_gauge_changes_no_coupling():
    machine = draw(Softmax(4, 3), Bernoulli(4), seed=3)
    found = couplings.effective(machine)
    other = couplings.effective(machine_lib.zero_sum(machine))
    np.testing.assert_allclose(found.pairs, other.pairs, atol=1e-6)
    np.testing.assert_allclose(found.fields, other.fields, atol=1e-6)
    for axis in (2, 3):
        np.testing.assert_allclose(found.pairs.sum(axis=axis), 0, atol=1e-12)


def test_beta_scales_gaussian_couplings():
    machine = draw(Spin(4), Gaussian(3))
    strong = couplings.effective(machine._replace(beta=2.0))
    np.testing.assert_allclose(
        strong.pairs, 4 * couplings.effective(machine).pairs, atol=1e-5
    )


@pytest.mark.parametrize("max_states", [0, 2**20])
def test_a_triple_may_come_repeatedly(max_states):
    machine = draw(Spin(4), Bernoulli(3))
    own, other = couplings.three_body(
        machine, [(0, 1, 2), (3, 1, 2)], max_states=max_states
    )
    triples = [(0, 1, 2), (2, 1, 0), (3, 1, 2), (0, 1, 2)]
    found = couplings.three_body(machine, triples, max_states=max_states)
    np.testing.assert_allclose(found, [own, own, other, own], rtol=1e-3)
    assert abs(own) > 1e-4


def test_bad_arguments_are_refused():
    machine = draw(Spin(4), Bernoulli(2))
    for triples in ([], [(0, 1)], [(0, 1, 1)], [(0, 1, 4)], [(0.5, 1, 2)]):
        with pytest.raises(ValueError, match="`triples` must be"):
            couplings.three_body(machine, triples)
    with pytest.raises(ValueError, match="`max_states`"):
        couplings.effective(machine, max_states=-1)
    with pytest.raises(ValueError, match="Bernoulli, Spin or Softmax"):
        couplings.effective(draw(Gaussian(3), Bernoulli(2)))
    for hidden in (Softmax(2, 3), Composite(Bernoulli(2), Spin(2))):
        with pytest.raises(ValueError, match="hidden units of one type"):
            couplings.effective(draw(Spin(3), hidden))


def chain_weights(size, pair, triple):
    """exp(-energy) of a chain of spins -1, 0, 1 with couplings J and J3.

    With the transfer matrix T((a, b), (b, c)) = exp(J b c + K a b c).
    """
    spins = np.array([-1.0, 0.0, 1.0])
    step = np.exp(
        pair * spins[None, :, None] * spins[None, None, :]
        + triple
        * spins[:, None, None]
        * spins[None, :, None]
        * spins[None, None, :]
    )
    return np.exp(pair * np.outer(spins, spins)), [step] * (size - 2)


def sample_chain(size, pair, triple, count, seed):
    """Exact draws of the chain, by backward sums and a forward pass."""
    rng = np.random.default_rng(seed)
    first, steps = chain_weights(size, pair, triple)
    rests = [np.ones((3, 3))]
    for step in reversed(steps):
        rests.insert(0, np.einsum("abc,bc->ab", step, rests[0]))
    p = (first * rests[0]).ravel()
    ab = rng.choice(9, size=count, p=p / p.sum())
    states = [ab // 3, ab % 3]
    for step, rest in zip(steps, rests[1:], strict=True):
        law = step[states[-2], states[-1]] * rest[states[-1]]
        law = np.cumsum(law / law.sum(axis=1, keepdims=True), axis=1)
        states.append((rng.random((count, 1)) > law).sum(axis=1))
    return np.minimum(np.stack(states, axis=1), 2)


@pytest.mark.slow
@pytest.mark.parametrize("triple", [0.0, 0.4])
def test_a_trained_machine_finds_the_couplings_of_a_chain(triple):
    """Of a Blume-Capel chain, J(a, b) = 0.6 a b, J3(a, b, c) = K a b c.

    A deviation of a coupling is about 1 / sqrt(rows per pair of states).
    """
    import keras

    from keras_rbm import ExactChain, data

    rows = 40_000
    x = sample_chain(5, 0.6, triple, rows, seed=1)
    rbm = RBM(Softmax(5, 3), 12, ExactChain(), seed=0)
    rbm.compile(
        keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(0.02, 2000, 0.01)
        )
    )
    rbm.fit(data.one_hot(x, 3), batch_size=2000, updates=2000, verbose=0)
    machine = rbm.machine()
    found = couplings.effective(machine)
    spins = np.array([-1.0, 0.0, 1.0])
    error = 5 / np.sqrt(rows / 9)
    for i, j in itertools.combinations(range(5), 2):
        expected = 0.6 * np.outer(spins, spins) * (j == i + 1)
        assert np.abs(found.pairs[i, j] - expected).max() < error, (i, j)
    third = couplings.three_body(machine, [(0, 1, 2), (2, 3, 4), (0, 2, 4)])
    cube = triple * spins[:, None, None] * np.outer(spins, spins)
    error = 5 / np.sqrt(rows / 27)
    assert np.abs(third[0] - cube).max() < error
    assert np.abs(third[1] - cube).max() < error
    assert np.abs(third[2]).max() < error
