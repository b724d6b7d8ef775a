"""Losses that a network minimises: parameter objects that import torch only to build."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import TYPE_CHECKING, Any

from skace.losses._base import ItemCounts, Loss
from skace.losses._bce import BCE
from skace.losses._bpr import BPR
from skace.losses._gbce import GBCE
from skace.losses._in_batch_softmax import InBatchSoftmax
from skace.losses._sampled_softmax import SampledSoftmax
from skace.losses._softmax import Softmax

if TYPE_CHECKING:
    from skace._torch.training._competitors import all_vectors, vectors_at

__all__ = [
    "BCE",
    "BPR",
    "GBCE",
    "InBatchSoftmax",
    "ItemCounts",
    "Loss",
    "SampledSoftmax",
    "Softmax",
    "all_vectors",
    "vectors_at",
]

_NEED_TORCH = ("all_vectors", "vectors_at")  # imported when somebody asks for them


def __getattr__(name: str) -> Any:
    if name in _NEED_TORCH:
        from skace._torch.training import _competitors

        return getattr(_competitors, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
