r"""Trains the package rbms on a family of sequences, for a given time.

rbms (a PyTorch package with its own environment) runs its own update, gauge and
optimizer: PCD with gradients of norm 1 and plain SGD. The time is
processor time, so that other work on the machine does not count. Prints the
log-likelihood of the test sequences by the package's own annealed importance
sampling, and saves the model, which `family.py` then measures:

    python benchmarks/family_rbms.py --train FASTA --test FASTA \
        --seconds 900 --output RBM.h5
    python benchmarks/family.py --train FASTA --test FASTA --distances CSV \
        --model RBM.h5
"""

import argparse
import gzip
import pathlib
import shutil
import tempfile
import time

import torch
from rbms.dataset.load_fasta import load_FASTA
from rbms.io import save_model
from rbms.partition_function.ais import compute_partition_function_ais
from rbms.potts_bernoulli.classes import PBRBM
from rbms.potts_bernoulli.utils import ensure_zero_sum_gauge
from rbms.training.pcd import fit_batch_pcd
from rbms.utils import compute_log_likelihood


def arguments():
    """The options, read from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--train", required=True)
    parser.add_argument("--test", required=True)
    parser.add_argument("--output", default="RBM.h5")
    parser.add_argument("--seconds", type=float, default=900.0)
    parser.add_argument("--hidden", type=int, default=300)
    parser.add_argument("--chains", type=int, default=500)
    parser.add_argument("--sweeps", type=int, default=3)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--l2", type=float, default=0.0)
    parser.add_argument("--betas", type=int, default=1000)
    parser.add_argument(
        "--weights",
        action="store_true",
        help="weigh sequences by the package, which takes minutes",
    )
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def read(path, weighted):
    """Sequences as numbers of letters, and their weights."""
    with tempfile.TemporaryDirectory() as folder:
        plain = pathlib.Path(folder) / "plain.fasta"
        # The package reads plain files alone.
        opened = gzip.open if path.endswith(".gz") else open
        with opened(path, "rb") as source, open(plain, "wb") as target:
            shutil.copyfileobj(source, target)
        x, weights, _ = load_FASTA(plain, use_weights=weighted, device="cpu")
    return (
        torch.from_numpy(x).float(),
        torch.as_tensor(weights).float().reshape(-1),
    )


class Rows:
    """What `PBRBM.init_parameters` asks of a dataset."""

    def __init__(self, data):
        self.data = data


@torch.no_grad()
def train(x, weights, options):
    """A model, its chains, its number of updates and seconds."""
    model = PBRBM.init_parameters(
        options.hidden, Rows(x), torch.device("cpu"), torch.float32
    )
    chains = model.init_chains(options.chains)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=options.rate, maximize=True
    )
    begin, updates = time.process_time(), 0
    while time.process_time() - begin < options.seconds:
        rows = torch.randperm(len(x))[: options.batch]
        optimizer.zero_grad(set_to_none=False)
        chains, _ = fit_batch_pcd(
            (x[rows], weights[rows]),
            chains,
            model,
            options.sweeps,
            1.0,
            lambda_l2=options.l2,
        )
        optimizer.step()
        ensure_zero_sum_gauge(model)
        updates += 1
    return model, chains, updates, time.process_time() - begin


def main():
    options = arguments()
    torch.manual_seed(options.seed)
    x, weights = read(options.train, weighted=options.weights)
    test, ones = read(options.test, weighted=False)
    model, chains, updates, seconds = train(x, weights, options)
    print(f"{updates} updates in {seconds:.0f} s of the processor", flush=True)
    pathlib.Path(options.output).unlink(missing_ok=True)
    save_model(options.output, model, chains, updates, seconds)
    with torch.no_grad():
        log_z = compute_partition_function_ais(500, options.betas, model)
        found = compute_log_likelihood(test, ones, model, log_z)
    print(f"log-likelihood of the test by rbms: {found:.2f}")


if __name__ == "__main__":
    main()
