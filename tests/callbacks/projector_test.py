import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorboard.plugins import projector

import keras_rbm
from keras_rbm import callbacks, data
from keras_rbm.plots import tiles

NUM_CHAINS = 7


def examples(width=12):
    return (np.random.default_rng(0).random((20, width)) < 0.3).astype("f4")


def written(log_dir, model, *arguments, v=None):
    """The embedding in the configuration, and the folder of its paths."""
    v = examples() if v is None else v
    callback = callbacks.Projector(log_dir, v, *arguments)
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_train_end()
    path = log_dir / "train" / "projector_config.pbtxt"
    if not path.exists():
        return None, None
    config = text_format.Parse(path.read_text(), projector.ProjectorConfig())
    (embedding,) = config.embeddings
    return embedding, path.parent


def labels(folder, embedding):
    lines = (folder / embedding.metadata_path).read_text().splitlines()
    return [line.split("\t") for line in lines]


def rbm(visible=12):
    chain = keras_rbm.PersistentChain(NUM_CHAINS)
    return keras_rbm.RBM(visible, 6, chain, seed=3)


def test_points_are_data_and_particles_each_with_its_kind(tmp_path):
    model = rbm()
    embedding, folder = written(tmp_path, model)
    points = np.loadtxt(folder / embedding.tensor_path, delimiter="\t")
    particles = keras.ops.convert_to_numpy(model.fantasy_particles)
    np.testing.assert_array_equal(points[:20], examples())
    np.testing.assert_array_equal(points[20:], particles)
    header, *rows = labels(folder, embedding)
    assert header == ["kind", "number"]
    assert rows == [["data", str(number)] for number in range(20)] + [
        ["particle", str(number)] for number in range(NUM_CHAINS)
    ]
    assert not embedding.sprite.image_path


def test_examples_may_be_pictures(tmp_path):
    v = examples().reshape(-1, 3, 4)
    embedding, folder = written(tmp_path, rbm(), v=v)
    points = np.loadtxt(folder / embedding.tensor_path, delimiter="\t")
    np.testing.assert_array_equal(points[:20], examples())


def test_real_numbers_keep_six_digits(tmp_path):
    model = rbm(keras_rbm.units.Gaussian(12))
    embedding, folder = written(tmp_path, model)
    points = np.loadtxt(folder / embedding.tensor_path, delimiter="\t")
    np.testing.assert_allclose(points[20:], model.fantasy_particles, rtol=1e-5)


@pytest.mark.parametrize(
    "picture", [None, data.Picture(np.eye(12, dtype="f4")[:, ::-1])]
)
def test_images_are_tiles_in_the_order_of_the_points(tmp_path, picture):
    model = rbm()
    embedding, folder = written(tmp_path, model, (3, 4), picture)
    sprite = tf.io.read_file(str(folder / embedding.sprite.image_path))
    sprite = tf.io.decode_png(sprite).numpy()[..., 0]
    width, height = embedding.sprite.single_image_dim
    assert (height, width) == (21, 28)
    # 27 points: six in a row.
    assert sprite.shape == (5 * height, 6 * width)
    points = np.concatenate([examples(), model.fantasy_particles])
    if picture is not None:
        points = points[:, ::-1]
    for number, point in enumerate(points):
        top, left = number // 6 * height, number % 6 * width
        np.testing.assert_array_equal(
            sprite[top : top + height : 7, left : left + width : 7].ravel(),
            tiles.grey(point),
        )
    assert not sprite[4 * height :, 3 * width :].any()


def test_classes_are_told(tmp_path):
    chain = keras_rbm.PersistentChain(NUM_CHAINS)
    model = keras_rbm.ClassRBM(9, 3, 6, chain, seed=3)
    header, *rows = labels(*reversed(written(tmp_path, model)))
    assert header == ["kind", "number", "class"]
    points = np.concatenate([examples(), model.fantasy_particles])
    expected = points[:, -3:].argmax(axis=1)
    assert [int(row[2]) for row in rows] == list(expected)


def test_missing_entries_are_completed_and_labels_are_not(tmp_path):
    chain = keras_rbm.PersistentChain(NUM_CHAINS)
    model = keras_rbm.ClassRBM(9, 3, 6, chain, seed=3)
    v = np.concatenate(
        [examples(9), np.eye(3, dtype="f4")[np.arange(20) % 3]], axis=1
    )
    v[:5, 9:] = np.nan
    v[3:8, 0] = np.nan
    embedding, folder = written(tmp_path, model, v=v)
    points = np.loadtxt(folder / embedding.tensor_path, delimiter="\t")
    seen = ~np.isnan(v)
    np.testing.assert_array_equal(points[:20][seen], v[seen])
    assert set(points[:20][~seen]) <= {0, 1}
    _, *rows = labels(folder, embedding)
    assert [row[2] for row in rows[:7]] == ["none"] * 5 + ["2", "0"]


def test_images_beside_labels_are_tiles(tmp_path):
    chain = keras_rbm.PersistentChain(NUM_CHAINS)
    model = keras_rbm.ClassRBM(9, 3, 6, chain, seed=3)
    embedding, folder = written(tmp_path, model, (3, 3))
    sprite = tf.io.read_file(str(folder / embedding.sprite.image_path))
    sprite = tf.io.decode_png(sprite).numpy()[..., 0]
    side = embedding.sprite.single_image_dim[0]
    # 27 points: six in a row. The second one shows whether labels came between.
    assert sprite.shape == (5 * side, 6 * side)
    found = sprite[: side : side // 3, side : 2 * side : side // 3]
    np.testing.assert_array_equal(found.ravel(), tiles.grey(examples()[1, :9]))


def test_what_cannot_draw_leaves_nothing(tmp_path):
    model = keras_rbm.ClassRBM(9, 3, 6, generative_weight=0, seed=3)
    assert written(tmp_path, model) == (None, None)
    assert not list(tmp_path.iterdir())
