"""A sweep in TensorBoard's HParams tab: a session for each run."""

from keras_rbm_cli.sweep import grid, table

_GROUP = "sweep"


def hide_gpus():
    """Leaves all memory of the GPUs to the runs, which are other processes."""
    import tensorflow as tf

    tf.config.set_visible_devices([], "GPU")


def write_columns(folder, axes):
    """Says what is swept, and which metrics there are.

    Args:
        folder: Path of the sweep.
        axes: Dict of the names and their lists of values.
    """
    from tensorboard.plugins.hparams import api as hp

    kinds = grid.told(axes)
    with _writer(folder):
        hp.hparams_config(
            hparams=[
                hp.HParam(
                    name, hp.Discrete(sorted(set(map(kinds[name], values))))
                )
                for name, values in axes.items()
            ],
            metrics=[
                hp.Metric(f"{_GROUP}/{name}", display_name=text)
                for name, text in table.METRICS.items()
            ],
        )


def write_run(folder, axes, point, row):
    """Writes the session of a run, in place of an older one.

    Args:
        folder: Path of the run.
        axes: Dict of the names and their lists of values.
        point: Dict of the names and the values of this run.
        row: What `table.row` returned.
    """
    import tensorflow as tf
    from tensorboard.plugins.hparams import api as hp
    from tensorboard.plugins.hparams import api_pb2, summary

    kinds = grid.told(axes)
    failed = row["status"] == "failed"
    status = api_pb2.STATUS_FAILURE if failed else api_pb2.STATUS_SUCCESS
    with _writer(folder):
        hp.hparams(
            {name: kinds[name](value) for name, value in point.items()},
            # With the sweep's: trials of one name are averaged into one row.
            trial_id=f"{folder.resolve().parent.name}/{folder.name}",
        )
        for name in table.METRICS:
            if row[name] is not None:
                tf.summary.scalar(f"{_GROUP}/{name}", row[name], step=0)
        tf.summary.experimental.write_raw_pb(
            summary.session_end_pb(status).SerializeToString(), step=0
        )


def clear(folder):
    """Removes what `write_run` left, as that is no run."""
    for path in folder.glob("events.out.tfevents.*"):
        path.unlink()


def _writer(folder):
    import tensorflow as tf

    clear(folder)
    return tf.summary.create_file_writer(str(folder)).as_default()
