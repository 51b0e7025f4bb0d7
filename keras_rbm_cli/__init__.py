"""The command `keras-rbm`, which `train.py` also calls.

This package is separate from `keras_rbm`, so that it can read flags and report
errors in them before TensorFlow is imported.
"""
