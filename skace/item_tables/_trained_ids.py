"""A trained vector of each item on top of what the features say."""
# SPDX-License-Identifier: BSD-3-Clause

__all__ = ["with_trained_ids"]

_STD = 0.02  # of those that start at random, as in `IDTable`


def with_trained_ids(items, id_init, *, n_items, width, is_cold, generator):
    """Module of a table plus a trained vector of each item, which starts as ``id_init`` says.

    The module alone if that is None. Cold items have zeros.
    """
    if id_init is None:
        return items
    from skace._torch.tables._adapters import OffsetItems
    from skace._torch.tables._base import random_vectors
    from skace._torch.tables._trainable import TrainableItems

    ids = random_vectors(n_items, width, _STD if id_init == "normal" else 0.0, generator)
    ids[is_cold] = 0.0
    return OffsetItems(items, TrainableItems(ids, is_cold))
