from keras_rbm import callbacks
from tests.callbacks import events


def test_config_text_is_a_block_of_code(tmp_path):
    text = "# RBM\n\nhidden = 500\n```\n"
    callbacks.config_text(tmp_path, text)
    (value,) = events.read(tmp_path / "train")["config"][0].ravel()
    assert value.decode() == "    # RBM\n    \n    hidden = 500\n    ```\n"
