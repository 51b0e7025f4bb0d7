"""Trains a restricted Boltzmann machine as a .gin file says.

The command `keras-rbm` from a checkout, without installing it: see `--help`.
"""

from keras_rbm_cli.main import console

if __name__ == "__main__":
    console()
