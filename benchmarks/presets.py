"""Makes a preset of a finished run: its weights W in half precision, its card.

    python train.py --config digits --output RUN
    python benchmarks/presets.py RUN digits

The log-likelihood of the test data is measured before and after rounding. What
the last line prints goes into `keras_rbm.presets.PRESETS`.
"""

import argparse
import io
import json
import pathlib
import zipfile

import h5py
import keras
import numpy as np

from keras_rbm import data, presets

DESCRIPTIONS = {
    "digits": "64 x 128 binary units, trained on scikit-learn's handwritten "
    "digits.",
    "mnist_784x500": "784 x 500 binary units, trained on MNIST.",
}
LICENCES = {
    "digits": "The digits come from the UCI Machine Learning Repository "
    '("Optical Recognition of Handwritten Digits", CC BY 4.0), as '
    "scikit-learn has them.",
    "mnist_784x500": "MNIST is the work of Yann LeCun, Corinna Cortes and "
    "Christopher Burges (CC BY-SA 3.0).",
}
COMMANDS = {
    "digits": "python train.py --config digits --output RUN",
    "mnist_784x500": "python train.py --config mnist --data_dir DIR "
    "--output RUN",
}
CARD = """# {name}

{description}

- **Class:** `keras_rbm.RBM`, binary units on both sides, {visible} x {hidden}.
- **Data:** {data}, {count:,} training examples, binarized stochastically: a
  pixel is on with the probability that its grey value gives.
- **Log-likelihood:** {lower:.2f} to {upper:.2f} nats for the {tested:,} test
  examples, with a standard error of {error:.2f} ({betas:,} betas, {chains}
  chains, {trusted}). Independent units have {baseline:.2f} nats.
- **Precision:** W is stored in half precision. In single precision the same
  machine has {single:.2f} nats by the same draws.
- **Fantasy particles:** the {particles} chains of the training are included,
  so that samples need no long run from random states.
- **Use:** samples, features, denoising and inpainting of pictures of digits.
  The machine knows no other pictures.
- **Licence:** Apache-2.0, as the package. {licence}
- **Made by:**

      {command}
      python benchmarks/presets.py RUN {name}
"""


def halved(source, target):
    """Writes a `.keras` file with the matrices of its weights compressed.

    The kernel becomes float16, and the states of chains bits.
    """
    with (
        zipfile.ZipFile(source) as old,
        zipfile.ZipFile(
            target, "w", zipfile.ZIP_DEFLATED, compresslevel=9
        ) as new,
    ):
        for name in old.namelist():
            content = old.read(name)
            if name.endswith(".weights.h5"):
                content = _halved_weights(content)
            # A fixed time, so that the same weights make the same file.
            new.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def _halved_weights(content):
    out = io.BytesIO()
    with (
        h5py.File(io.BytesIO(content)) as old,
        h5py.File(out, "w", track_order=True) as new,
    ):

        def copy(name, item):
            if isinstance(item, h5py.Dataset):
                x = item[()]
                if np.ndim(x) == 2:
                    bits = np.isin(x, (0, 1)).all()
                    x = x.astype("uint8" if bits else "float16")
                item = new.create_dataset(name, data=x)
            else:
                item = new.require_group(name)
            for key, value in old[name].attrs.items():
                item.attrs[key] = value

        for key, value in old.attrs.items():
            new.attrs[key] = value
        old.visititems(copy)
    return out.getvalue()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("name", choices=sorted(COMMANDS))
    parser.add_argument("--data_dir")
    parser.add_argument("--num_betas", type=int, default=10_000)
    parser.add_argument("--num_chains", type=int, default=200)
    options = parser.parse_args()
    read = data.digits() if options.name == "digits" else None
    if read is None:
        read = data.mnist(options.data_dir)
    test = data.binarized(read.test, "stochastic")
    folder = pathlib.Path(presets.__file__).parent
    path = folder / f"{options.name}.keras"
    trained = keras.saving.load_model(
        options.run / "model.keras", compile=False
    )
    plain = options.run / "plain.keras"
    trained.save(plain)
    halved(plain, path)
    model = keras.saving.load_model(path, compile=False)
    found, single = (
        each.log_likelihood(
            test,
            "ais",
            num_betas=options.num_betas,
            num_chains=options.num_chains,
            seed=0,
        )
        for each in (model, trained)
    )
    card = CARD.format(
        name=options.name,
        description=DESCRIPTIONS[options.name],
        visible=model.visible.width,
        hidden=model.hidden.width,
        data=read.name,
        count=len(read.train),
        lower=found.lower,
        upper=found.upper,
        tested=len(test),
        error=found.standard_error,
        betas=options.num_betas,
        chains=options.num_chains,
        trusted="trusted" if found.trusted else "not trusted",
        baseline=found.baseline,
        single=single.lower,
        particles=len(model.fantasy_particles),
        licence=LICENCES[options.name],
        command=COMMANDS[options.name],
    )
    (folder / f"{options.name}.md").write_text(card, "utf-8")
    print(card)
    print(
        json.dumps(
            {
                "log_likelihood": round(found.lower, 3),
                "standard_error": round(found.standard_error, 3),
                "change": round(found.lower - single.lower, 4),
                "bytes": path.stat().st_size,
            }
        )
    )


if __name__ == "__main__":
    main()
