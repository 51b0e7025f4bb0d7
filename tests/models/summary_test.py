import keras
import pytest

import keras_rbm
from keras_rbm.networks import DeepBeliefNetwork


@pytest.mark.parametrize("centered", [True, False])
def test_rows_add_up_and_show_shapes(centered):
    rbm = keras_rbm.RBM(
        64, 32, keras_rbm.PersistentChain(7), centered=centered, seed=0
    )
    text = []
    rbm.summary(print_fn=text.append)
    lines = "\n".join(text).splitlines()
    rows = [
        line.split("  ") for line in lines if line.endswith((" yes", " no"))
    ]
    rows = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    counts = [int(row[2].replace(",", "")) for row in rows]
    learned = [
        n for n, row in zip(counts, rows, strict=True) if row[3] == "yes"
    ]
    assert sum(counts) == rbm.count_params()
    assert sum(learned) == 64 * 32 + 64 + 32
    assert "(64, 32)" in [row[1] for row in rows]
    assert f"Total params: {rbm.count_params():,} (" in "\n".join(lines)
    assert "Trainable params: 2,144 (8,576 bytes)" in lines


def test_stacks_and_optimizers_are_counted(capsys):
    network = DeepBeliefNetwork([keras_rbm.RBM(6, 4), keras_rbm.RBM(4, 3)])
    network.summary()
    assert (
        f"Total params: {network.count_params():,}" in capsys.readouterr().out
    )
    rbm = network.rbms[0]
    rbm.compile(keras.optimizers.Adam())
    rbm.optimizer.build(rbm.trainable_variables)
    rbm.summary()
    assert "Optimizer params: " in capsys.readouterr().out
