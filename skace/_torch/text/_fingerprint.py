"""What the weights of a network are, in a few letters."""
# SPDX-License-Identifier: BSD-3-Clause

import hashlib
from collections.abc import Mapping

import torch

__all__ = ["weights_fingerprint"]


def weights_fingerprint(state: Mapping[str, torch.Tensor]) -> str:
    """Hash of names and weights, whatever device they are on."""
    digest = hashlib.blake2b(digest_size=12)
    for name, value in state.items():
        digest.update(name.encode())
        digest.update(value.float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
