"""Aligned sequences: from a file to contacts, logos and new sequences."""

from keras_rbm.sequences.alignment import Alignment as Alignment
from keras_rbm.sequences.alphabet import DNA as DNA
from keras_rbm.sequences.alphabet import PROTEIN as PROTEIN
from keras_rbm.sequences.alphabet import RNA as RNA
from keras_rbm.sequences.alphabet import Alphabet as Alphabet
from keras_rbm.sequences.alphabet import decode as decode
from keras_rbm.sequences.callback import FamilyMeasures as FamilyMeasures
from keras_rbm.sequences.callback import FamilyPictures as FamilyPictures
from keras_rbm.sequences.contacts import (
    average_product_correction as average_product_correction,
)
from keras_rbm.sequences.contacts import contact_map as contact_map
from keras_rbm.sequences.contacts import frobenius_norms as frobenius_norms
from keras_rbm.sequences.contacts import (
    median_product_correction as median_product_correction,
)
from keras_rbm.sequences.contacts import (
    positive_predictive_value as positive_predictive_value,
)
from keras_rbm.sequences.contacts import read_distances as read_distances
from keras_rbm.sequences.contacts import top_pairs as top_pairs
from keras_rbm.sequences.correlations import Comparison as Comparison
from keras_rbm.sequences.correlations import (
    compare_correlations as compare_correlations,
)
from keras_rbm.sequences.files import read as read
from keras_rbm.sequences.files import write_fasta as write_fasta
from keras_rbm.sequences.julia_files import read_rbms_jl as read_rbms_jl
from keras_rbm.sequences.mutations import MutationScan as MutationScan
from keras_rbm.sequences.mutations import design as design
from keras_rbm.sequences.mutations import hold as hold
from keras_rbm.sequences.mutations import mutation_scan as mutation_scan
from keras_rbm.sequences.pictures import contact_picture as contact_picture
from keras_rbm.sequences.pictures import (
    correlation_picture as correlation_picture,
)
from keras_rbm.sequences.pictures import family_logo as family_logo
from keras_rbm.sequences.pictures import hidden_unit_logo as hidden_unit_logo
from keras_rbm.sequences.pictures import information as information
from keras_rbm.sequences.pictures import logo as logo
from keras_rbm.sequences.pictures import mutation_picture as mutation_picture
from keras_rbm.sequences.pictures import principal_axes as principal_axes
from keras_rbm.sequences.rbms_files import read_rbms as read_rbms
from keras_rbm.sequences.rbms_files import write_rbms as write_rbms
from keras_rbm.sequences.reweighting import effective_number as effective_number
from keras_rbm.sequences.reweighting import neighbours as neighbours
from keras_rbm.sequences.reweighting import weights as weights
from keras_rbm.sequences.runs import FamilyFigures as FamilyFigures
from keras_rbm.sequences.runs import family as family
