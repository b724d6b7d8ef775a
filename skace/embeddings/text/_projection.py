"""A learned projector as arrays: what it makes of readings, without torch."""
# SPDX-License-Identifier: BSD-3-Clause

import hashlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy.special import erf

__all__ = ["project", "projector_hash"]

_EPS = 1e-5  # of torch's LayerNorm
_AXES = {
    "mean": "d",
    "scale": "d",
    "length": "",
    "norm.weight": "d",
    "norm.bias": "d",
    "inner.weight": "hd",
    "inner.bias": "h",
    "outer.weight": "dh",
    "outer.bias": "d",
}


def project(
    state: Mapping[str, npt.NDArray[np.float32]], readings: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Vectors of shape (n, d) of readings of shape (n, d).

    Parameters
    ----------
    state : mapping of str to ndarray
        Weights of a ``Projector`` by name.
    readings : ndarray of shape (n, d)
        What the model made of texts.

    Raises
    ------
    ValueError
        If the weights do not fit each other or the readings.
    """
    _check_state(state, readings.shape[1])
    spread = (readings - state["mean"]) / state["scale"]
    spread = spread - spread.mean(axis=1, keepdims=True)
    spread /= np.sqrt((spread**2).mean(axis=1, keepdims=True) + np.float32(_EPS))
    spread = spread * state["norm.weight"] + state["norm.bias"]
    inner = spread @ state["inner.weight"].T + state["inner.bias"]
    inner *= (1 + erf(inner / np.float32(np.sqrt(2)))) / 2  # GELU
    free = inner @ state["outer.weight"].T + state["outer.bias"]
    lengths = np.linalg.norm(free, axis=1, keepdims=True)
    vectors = free * (state["length"] / np.where(lengths > 0, lengths, 1))
    found: npt.NDArray[np.float32] = vectors.astype(np.float32, copy=False)
    return found


def projector_hash(state: Mapping[str, npt.NDArray[np.float32]]) -> str:
    """Hash of the weights."""
    digest = hashlib.blake2b(digest_size=12)
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(state[name]).tobytes())
    return digest.hexdigest()


def _check_state(state: Mapping[str, npt.NDArray[np.float32]], n_dims: int) -> None:
    """Raise unless all weights are there and as long as they should be."""
    lengths = {"d": n_dims}
    for name, axes in _AXES.items():
        weights = np.asarray(state.get(name))  # of None an object
        shape = weights.shape
        expected = tuple(
            lengths.setdefault(axis, length) for axis, length in zip(axes, shape, strict=False)
        )
        if len(shape) != len(axes) or shape != expected or weights.dtype.kind != "f":
            raise ValueError(
                f"projector_state_ holds weights {name!r} of shape {shape} and dtype "
                f"{weights.dtype}, which do not fit the others and readings of {n_dims} numbers."
            )
