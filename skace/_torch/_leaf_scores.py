"""Scores of items that are leaves of a tree."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import cast

import numpy as np
import torch

from skace._torch._network import Network, in_halves
from skace._torch.encoders._gram import GRAMEncoder
from skace._typing import FloatArray

__all__ = ["leaf_scores"]


def leaf_scores(network: Network, states: FloatArray, cold_share: float) -> FloatArray:
    """Logarithm of the probability of each item after each state.

    Parameters
    ----------
    network : Network
        With a `GRAMEncoder`.
    states : ndarray of shape (n_rows, D), float32
        What it made of histories.
    cold_share : float
        What a cold item gets of the mean probability of the warm ones of its node.

    Returns
    -------
    scores : ndarray of shape (n_rows, n_items), float32
        In nats.
    """
    encoder, table = cast(GRAMEncoder, network.encoder), network.table
    hidden = torch.from_numpy(states).to(table.device)
    return in_halves(
        lambda part: encoder.log_probabilities(hidden[part], table, cold_share).cpu().numpy(),
        np.arange(len(states)),
    )
