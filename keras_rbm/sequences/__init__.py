"""Aligned sequences: from a file to contacts, logos and new sequences."""

from keras_rbm.sequences.alignment import Alignment as Alignment
from keras_rbm.sequences.alphabet import DNA as DNA
from keras_rbm.sequences.alphabet import PROTEIN as PROTEIN
from keras_rbm.sequences.alphabet import RNA as RNA
from keras_rbm.sequences.alphabet import Alphabet as Alphabet
from keras_rbm.sequences.contacts import (
    average_product_correction as average_product_correction,
)
from keras_rbm.sequences.contacts import contact_map as contact_map
from keras_rbm.sequences.contacts import frobenius_norms as frobenius_norms
from keras_rbm.sequences.contacts import (
    positive_predictive_value as positive_predictive_value,
)
from keras_rbm.sequences.contacts import read_distances as read_distances
from keras_rbm.sequences.contacts import top_pairs as top_pairs
from keras_rbm.sequences.files import decode as decode
from keras_rbm.sequences.files import read as read
from keras_rbm.sequences.files import write_fasta as write_fasta
from keras_rbm.sequences.reweighting import effective_number as effective_number
from keras_rbm.sequences.reweighting import neighbours as neighbours
from keras_rbm.sequences.reweighting import weights as weights
