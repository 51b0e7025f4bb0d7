"""Whether the installation is sound: a line for each check, and what to do."""

import contextlib
import logging
import os
import pathlib
import shutil
import tempfile
import textwrap
import time

from keras_rbm_cli import configuration, soundness

_LONGEST = 300
#: What is checked, and what to do where that fails. One that fails takes those
#: after it along that need it.
_CHECKS = (
    (
        "packages",
        soundness.packages,
        'install the package with TensorFlow: pip install ".[cpu]", or '
        '".[gpu]"',
    ),
    (
        "devices",
        soundness.devices,
        "look at `nvidia-smi` and at what TF_CPP_MIN_LOG_LEVEL=0 shows; "
        "CUDA_VISIBLE_DEVICES=-1 leaves the GPU out",
    ),
    (
        "XLA",
        soundness.xla,
        "unset XLA_FLAGS and TF_XLA_FLAGS; install the versions of "
        "requirements.txt",
    ),
    (
        "learning",
        soundness.learning,
        "install the versions of requirements.txt; see what `make test` says",
    ),
    (
        "repeatable",
        soundness.repeatable,
        "unset TF_ENABLE_ONEDNN_OPTS and XLA_FLAGS; runs cannot be resumed to "
        "the bit here",
    ),
    (
        "files",
        soundness.files,
        "look at the free space (df) and at the folder's permissions",
    ),
)
_NEED = {  # What each needs, beside the packages.
    "packages": ("temporary",),
    "devices": (),
    "XLA": ("devices",),
    "learning": ("XLA",),
    "repeatable": ("learning",),
    "files": ("folder", "learning"),
}


def run(output):
    """Runs all checks, and prints a line for each.

    Args:
        output: Folder to write into, as a string: a folder `self_test` is made
            in it, in place of an older one. `None` for a temporary folder.

    Returns:
        Whether the installation is sound.
    """
    begin = time.perf_counter()
    failed = set()
    with contextlib.ExitStack() as stack:
        folder, name = None, "temporary"
        remedy = f"set TMPDIR to a folder that user {_user()} can write to"
        try:
            tempfile.gettempdir()  # The packages ask for it too.
            if output is None:
                temporary = tempfile.TemporaryDirectory(prefix="keras_rbm-")
                folder = pathlib.Path(stack.enter_context(temporary))
            else:
                name = "folder"
                remedy = (
                    "give another --output, or make it writable for user "
                    f"{_user()}"
                )
                folder = _folder(pathlib.Path(output))
                _tell("ok", name, f"{folder} can be written")
        except OSError as error:
            failed.add(name)
            _tell("FAILED", name, f"{_line(error)}: {remedy}")
        log = folder / "self_test.log" if folder else pathlib.Path(os.devnull)
        state = soundness.State(folder)
        try:
            gin, keras = configuration.libraries(log)
            del gin, keras
        except Exception as error:
            state.error = error
        for name, check, remedy in _CHECKS:
            missing = failed & {"packages"} or failed & {*_NEED.get(name, ())}
            if missing:
                failed.add(name)
                _tell("skipped", name, f"needs: {', '.join(sorted(missing))}")
                continue
            try:
                _tell("ok", name, check(state))
            except Exception as error:
                failed.add(name)
                logging.getLogger("keras_rbm").exception("%s failed", name)
                _tell("FAILED", name, f"{_line(error)}: {remedy}")
        _close(log)
    told = f"not sound: {', '.join(sorted(failed))}" if failed else "sound"
    print(f"The installation is {told} ({time.perf_counter() - begin:.1f} s).")
    return not failed


def _tell(verdict, name, text):
    print(f"{verdict:7}  {name:10}  {text}", flush=True)


def _line(error):
    line = " ".join(str(error).split())
    if not isinstance(error, soundness.Unsound | OSError):
        line = f"{type(error).__name__}: {line}"
    return textwrap.shorten(line, _LONGEST)


def _folder(output):
    """Makes a folder that can be written to, without what was there."""
    folder = output / "self_test"
    shutil.rmtree(folder / "tensorboard", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("self_test.log", "model.keras", "filters.png"):
        (folder / name).unlink(missing_ok=True)
    (folder / "self_test.log").write_text("")
    return folder


def _user():
    with contextlib.suppress(AttributeError):
        return os.getuid()
    return os.environ.get("USERNAME", "this")


def _close(log):
    """Lets go of the log, which may be about to be removed."""
    logger = logging.getLogger("keras_rbm")
    for handler in list(logger.handlers):
        if getattr(handler, "baseFilename", None) == os.path.abspath(log):
            logger.removeHandler(handler)
            handler.close()
