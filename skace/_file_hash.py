"""One hash for several files that an estimator keeps."""
# SPDX-License-Identifier: BSD-3-Clause

import hashlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

__all__ = ["hash_of_files"]


def hash_of_files(files: Mapping[str, npt.NDArray[np.uint8]]) -> str:
    """Hash of names, shapes, types and content.

    Parameters
    ----------
    files : mapping of str to ndarray of uint8
        Bytes of each file by its name.
    """
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(files):
        content = np.ascontiguousarray(files[name])
        digest.update(f"{name} {content.shape} {content.dtype.str} ".encode())
        digest.update(content.data)
    return digest.hexdigest()
