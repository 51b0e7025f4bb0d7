"""How often the errors of brackets that are not trusted cover log Z.

    python benchmarks/untrusted.py

Draws machines for which few betas are too few, and counts how often the exact
log Z is within two standard errors of the end that a likelihood is reported by,
the upper one of log Z. Prints a Markdown table: by number of betas, the
brackets that are trusted and that are not, and the coverage by the standard
error of the weights alone and by `Bracket.standard_error`.
"""

import argparse
import warnings

import numpy as np
from trust import FAMILIES, measure, random_weights

from keras_rbm import Gaussian, Spin

HARD = {
    "binary, strong": random_weights(30, 10, [2.0, 3.0, 5.0]),
    "spin, strong": random_weights(Spin(24), Spin(10), [0.6, 1.0, 1.5]),
    "Gaussian, strong": random_weights(Gaussian(20), 10, [0.6, 1.0]),
    "mixture": FAMILIES["mixture"],
}


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10, help="of each family")
    parser.add_argument("--num_betas", type=int, nargs="+", default=[10, 50])
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    print("| betas | | brackets | error of the weights | reported error |")
    print("|---:|---|---:|---:|---:|", flush=True)
    for num_betas in options.num_betas:
        found = [
            measure(build, seed, num_betas)
            for build in HARD.values()
            for seed in range(options.seeds)
        ]
        for trusted in (True, False):
            own = [each for each in found if each[0].trusted == trusted]
            covered = np.array(
                [
                    [
                        abs(bracket.upper - exact) <= 2 * error + 1e-6
                        for error in (
                            max(
                                bracket.forward.standard_error,
                                bracket.reverse.standard_error,
                            ),
                            bracket.standard_error,
                        )
                    ]
                    for bracket, exact in own
                ]
            ).reshape(-1, 2)
            shares = [f"{x:.0%}" for x in covered.mean(axis=0)] if own else "--"
            print(
                f"| {num_betas} | {'' if trusted else 'not '}trusted | "
                f"{len(own)} | {shares[0]} | {shares[1]} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
