import json

import numpy as np
import pytest
import tensorflow as tf

from keras_rbm import json_arrays


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3)])
def test_arrays_come_back_to_the_bit(dtype, shape):
    x = np.random.default_rng(0).normal(size=shape).astype(dtype)
    text = json.loads(json.dumps(json_arrays.encode(tf.constant(x))))
    again = json_arrays.decode(text)
    assert (again.dtype, again.shape) == (x.dtype, x.shape)
    assert again.tobytes() == x.tobytes()


def test_numbers_of_numpy_are_written_as_numbers():
    x = {"a": np.int64(3), "b": [np.float32(0.5), np.bool_(True)]}
    text = json.dumps(x, default=json_arrays.number)
    assert text == '{"a": 3, "b": [0.5, true]}'
    with pytest.raises(TypeError, match="object of type set"):
        json.dumps({1}, default=json_arrays.number)


def test_bfloat16_comes_back_to_the_bit():
    x = np.array([[1.5, -2.0]], "bfloat16")
    again = json_arrays.decode(json_arrays.encode(x))
    assert again.dtype == x.dtype
    assert again.tobytes() == x.tobytes()


@pytest.mark.parametrize(
    ("text", "error"),
    [("no base64!", "base64"), ("bm8gYXJyYXk=", "pickle")],
)
def test_what_is_no_array(text, error):
    with pytest.raises(ValueError, match=error):
        json_arrays.decode(text)
