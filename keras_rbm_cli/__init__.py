"""The command `keras-rbm`, which `train.py` calls too.

It stands beside `keras_rbm` so that it can read flags, and report errors in
them, before TensorFlow is imported.
"""
