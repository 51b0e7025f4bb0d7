import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import Bernoulli, Binomial, Composite, Softmax, Spin
from keras_rbm.rows import Rows
from tests.units import laws


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "int64", "uint8", bool]
)
def test_check_accepts_states(case, dtype):
    states = laws.some_states(case)
    converted = states.astype(dtype)
    if dtype != "float32" and (converted != states).any():
        return  # Another type cannot hold them.
    case.unit.check(converted)
    case.unit.check(tf.constant(converted))
    case.unit.check_states(converted)
    case.unit.check_states(tf.constant(converted))


def test_check_accepts_means(case):
    case.unit.check(np.stack([case.means, case.means]))


@pytest.mark.parametrize(
    "shape",
    [(), (0,), (3, -1), (3, 1), (3, 0, 1), (0, -1), (0, 0)],
)
def test_check_names_a_wrong_shape(unit, shape):
    # Further columns than there should be.
    shape = tuple(n + unit.width if i == 1 else n for i, n in enumerate(shape))
    with pytest.raises(ValueError, match="`data` must have") as error:
        unit.check(np.zeros(shape), "data")
    assert str(error.value).endswith(f"Received: data.shape={shape}")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_check_names_the_place_of_what_is_not_a_number(case, value):
    x = laws.some_states(case, 4)
    x[2, 2] = x[3, 0] = value
    with pytest.raises(
        ValueError,
        match=rf"; 2 of {x.size} do not.* data\[2, 2\]={value}$",
    ):
        case.unit.check(x, "data")


@pytest.mark.parametrize("kind", [str, object, complex])
def test_check_names_a_type_that_is_not_real(unit, kind):
    x = np.zeros((2, unit.width)).astype(kind)
    with pytest.raises(ValueError, match=r"real numbers\. Received: data\."):
        unit.check(x, "data")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_check_refuses_infinity_where_any_number_will_do(value):
    class Real(Bernoulli):
        support = (-np.inf, np.inf)

    Real(2).check(np.array([[-1e30, 1e30]]))
    with pytest.raises(ValueError, match=rf"x\[0, 1\]={value}$"):
        Real(2).check(np.array([[0.0, value]]))


@pytest.mark.parametrize("value", [0.5, 1e-6, 1 - 1e-6])
def test_check_states_names_the_place_of_a_mean(value):
    x = np.zeros((4, 5))
    x[2, 3] = x[3, 0] = value
    Bernoulli(5).check(x)
    with pytest.raises(
        ValueError,
        match=r"`v` must hold 0 and 1 alone: .*Bernoulli.* \(2 of 20\)\. "
        rf"Binarize the data first.* Received: v\[2, 3\]={value}$",
    ):
        Bernoulli(5).check_states(x, "v")


@pytest.mark.parametrize("value", [np.nan, 2.0, -1.0])
def test_check_states_refuses_what_check_refuses(value):
    with pytest.raises(ValueError, match="finite values from 0 to 1"):
        Bernoulli(5).check_states(np.full((2, 5), value))


@pytest.mark.parametrize("are_rows", [False, True])
def test_wrong_values_are_counted_in_all_parts_of_the_data(are_rows):
    """A part has 1,000 rows at most. The first value of all is named."""
    x = np.zeros((2500, 2))
    x[1200, 1], x[2300, 0], x[2300, 1] = 0.5, 0.25, 0.75
    data = Rows(lambda rows: x[rows], *x.shape, x.dtype) if are_rows else x
    Bernoulli(2).check(data)
    with pytest.raises(
        ValueError, match=r"\(3 of 5000\).*Received: x\[1200, 1\]=0.5$"
    ):
        Bernoulli(2).check_states(data)
    x[x > 0] += 1
    with pytest.raises(
        ValueError, match=r"; 3 of 5000 do not.*Received: x\[1200, 1\]=1.5$"
    ):
        Bernoulli(2).check(data)


def test_the_error_says_what_to_do():
    for value, advice in (
        (np.nan, "NaN is a missing entry, .* by `inpaint`"),
        (2.0, "Rescale or clean the data"),
    ):
        with pytest.raises(ValueError, match=rf"1 do not\. {advice}\. Rec"):
            Bernoulli(1).check([[value]])


@pytest.mark.parametrize(
    ("unit", "listed"),
    [
        (Spin(1), "-1 and 1"),
        (Binomial(1, 2), "0, 1 and 2"),
        (Binomial(1, 9), r"0, 1, \.\.\. and 9"),
    ],
    ids=str,
)
def test_the_states_are_listed(unit, listed):
    with pytest.raises(ValueError, match=f"`x` must hold {listed} alone"):
        unit.check_states([[0.5]])


def test_a_unit_of_several_columns_is_named_by_its_first():
    unit = Composite(Bernoulli(2), Softmax(3, 3))
    x = np.array([[0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1]] * 2, "float64")
    unit.check_states(x)
    x[1, 5:8] = 0.25, 0.5, 0.25
    with pytest.raises(
        ValueError,
        match=r"one-hot rows alone.*\(1 of 6\).*Received: x\[1, 5\]=0.25$",
    ):
        unit.check_states(x)
