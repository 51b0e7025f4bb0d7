"""Ratings that are made up, for tests: users of two tastes."""

import numpy as np

from keras_rbm.data import Ratings


def two_tastes(num_users=60, num_items=12, share=0.6, seed=0):
    """Half of the users like even items, the others odd ones.

    Biases of users and items alone say nothing of a rating.
    """
    rng = np.random.default_rng(seed)
    users, items = np.nonzero(rng.random((num_users, num_items)) < share)
    likes = (users % 2) == (items % 2)
    noise = rng.random(len(users)) < 0.2
    levels = np.where(likes, 4 - noise, 0 + noise)
    return Ratings(
        users,
        items,
        levels,
        [1, 2, 3, 4, 5],
        [f"user {i}" for i in range(num_users)],
        [f"item {i}" for i in range(num_items)],
        times=rng.permutation(len(users)),
    )
