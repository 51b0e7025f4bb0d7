"""Pictures of machines and of runs, as matplotlib Axes."""

from keras_rbm.plots.canvas import offscreen as offscreen
from keras_rbm.plots.canvas import pixels as pixels
from keras_rbm.plots.canvas import save as save
from keras_rbm.plots.chains import Plane as Plane
from keras_rbm.plots.chains import chain_health as chain_health
from keras_rbm.plots.chains import plane_of as plane_of
from keras_rbm.plots.chains import projection as projection
from keras_rbm.plots.curves import history as history
from keras_rbm.plots.curves import likelihood as likelihood
from keras_rbm.plots.curves import read_history as read_history
from keras_rbm.plots.pictures import class_samples as class_samples
from keras_rbm.plots.pictures import filters as filters
from keras_rbm.plots.pictures import images as images
from keras_rbm.plots.pictures import reconstructions as reconstructions
from keras_rbm.plots.pictures import samples as samples
