"""Figures of a trained model: well-known experiments with RBMs."""

from keras_rbm.figures.animation import Animation as Animation
from keras_rbm.figures.draw import check as check
from keras_rbm.figures.draw import draw as draw
from keras_rbm.figures.dreams import Dreams as Dreams
from keras_rbm.figures.figure import Figure as Figure
from keras_rbm.figures.inpainting import Inpainting as Inpainting
from keras_rbm.figures.restoration import Restoration as Restoration
from keras_rbm.figures.training import Curves as Curves
from keras_rbm.figures.training import FiltersByEpoch as FiltersByEpoch
