"""`python -m keras_rbm_cli`, the same as `keras-rbm`."""

from keras_rbm_cli.main import console

if __name__ == "__main__":
    console()
