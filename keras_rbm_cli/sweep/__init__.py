"""`--sweep`: several runs, one after the other, and a table of them."""

from keras_rbm_cli.sweep.runs import begin as begin
from keras_rbm_cli.sweep.runs import is_one as is_one
from keras_rbm_cli.sweep.runs import resume as resume
