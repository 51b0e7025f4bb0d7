"""The command `keras-rbm`, which `train.py` is too.

It stands beside `keras_rbm` so that flags are read, and told wrong, before
TensorFlow is imported.
"""
