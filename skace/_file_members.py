"""Members of a model file, checked for what they hold and not for how they are called."""
# SPDX-License-Identifier: BSD-3-Clause

import io
import json
import math
from collections.abc import Callable, Iterator
from typing import Any
from zipfile import ZipFile

import numpy as np
import numpy.typing as npt

__all__ = ["check_array", "check_members", "check_sparse"]

_LARGEST = 2**62  # of a shape, so that products of few such numbers are noticed before they wrap
_INDEX_ARRAYS = ("indices", "indptr", "row", "col", "offsets", "shape")


def check_members(schema: bytes, members: dict[str, bytes]) -> None:
    """Raise unless each member is of the kind that the schema opens it as.

    Compiled code of numpy and scipy follows sizes and indices without looking, whatever a
    member is called.

    Parameters
    ----------
    schema : bytes
        Text of ``schema.json``, by which skops opens the members.
    members : dict of str to bytes
        All other members by name.

    Raises
    ------
    ValueError
        If a member is absent, asked for by nothing, or not what it is opened as.
    """
    wanted = list(_references(json.loads(schema)))
    unused = sorted(members.keys() - {name for name, _ in wanted})
    if unused:
        raise ValueError(f"{unused[0]} belongs to nothing in schema.json.")
    for name, loader in dict.fromkeys(wanted):
        if name not in members:
            raise ValueError(f"schema.json asks for {name}, which is not in the file.")
        _CHECKS.get(loader, _refuse_loader)(name, members[name])


def _references(node: Any) -> Iterator[tuple[str, str]]:
    """Each member that a schema asks for, with the loader that opens it."""
    if isinstance(node, dict):
        if "file" in node and "__loader__" in node:
            yield str(node["file"]), str(node["__loader__"])
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from _references(part)


def _refuse_loader(name: str, _member: bytes) -> None:
    raise ValueError(f"{name} is opened in a way that dump does not use.")


def check_array(name: str, member: bytes) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype of an array, from its header, if all of it is there and nothing more.

    Parameters
    ----------
    name : str
        What to call it in errors.
    member : bytes
        In the format of ``np.save``.
    """
    stream = io.BytesIO(member)
    version = np.lib.format.read_magic(stream)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"{name} is an array in version {version} of the format of numpy.")
    shape, _, dtype = readers[version](stream)
    if dtype.hasobject:
        raise ValueError(
            f"{name} holds Python objects. Object arrays cannot be loaded when allow_pickle=False."
        )
    n_bytes = len(member) - stream.tell()
    # An empty axis or an empty type makes any size take no byte.
    fits = all(0 <= size < _LARGEST for size in shape)
    if not fits or math.prod(shape) * max(1, dtype.itemsize) != n_bytes:
        raise ValueError(
            f"{name} is said to have shape {shape} of {dtype}, which does not fit its {n_bytes} "
            "bytes."
        )
    return shape, dtype


def check_sparse(name: str, member: bytes) -> None:
    """Raise unless a member is a sparse matrix whose indices stay inside of it.

    Parameters
    ----------
    name : str
        What to call it in errors.
    member : bytes
        In the format of ``scipy.sparse.save_npz``.
    """
    with ZipFile(io.BytesIO(member)) as archive:
        names = archive.namelist()
        if len({*names}) < len(names):
            raise ValueError(f"{name} holds an array twice.")
        arrays = {part.removesuffix(".npy"): archive.read(part) for part in names}
    for part, content in arrays.items():
        shape, dtype = check_array(f"{part} of {name}", content)
        if part in _INDEX_ARRAYS and (dtype.kind not in "iu" or len(shape) != 1):
            raise ValueError(f"{part} of {name} holds {dtype} of shape {shape}; expected integers.")
        if part == "data" and dtype.kind not in "biufc":
            raise ValueError(f"{part} of {name} holds {dtype}; expected numbers.")
    _check_indices(name, {part: np.load(io.BytesIO(content)) for part, content in arrays.items()})


def _check_indices(name: str, arrays: dict[str, npt.NDArray[Any]]) -> None:
    """Raise if the arrays of a sparse matrix point outside of it."""
    form = bytes(arrays["format"].item()).decode()
    if form not in _FORMATS:
        raise ValueError(f"{name} is a sparse matrix of format {form!r}.")
    sizes = arrays["shape"].tolist()
    if len(sizes) != 2 or min(sizes) < 0 or not _FORMATS[form](arrays, sizes):
        raise ValueError(f"{name} is a sparse matrix with indices or sizes outside of itself.")


def _is_sound_csr(arrays: dict[str, npt.NDArray[Any]], sizes: list[int]) -> bool:
    """Whether the indices of each line stay inside of it."""
    data, indices, pointers = arrays["data"], arrays["indices"], arrays["indptr"]
    lines, places = sizes
    # scipy's own checks believe the last pointer, and look at nothing if that is below 1.
    return bool(
        pointers.size == lines + 1
        and pointers[0] == 0
        and (pointers[1:] >= pointers[:-1]).all()
        and pointers[-1] <= indices.size == len(data)
        and _all_within(indices, places)
    )


def _is_sound_csc(arrays: dict[str, npt.NDArray[Any]], sizes: list[int]) -> bool:
    """The same, by columns."""
    return _is_sound_csr(arrays, sizes[::-1])


def _is_sound_bsr(arrays: dict[str, npt.NDArray[Any]], sizes: list[int]) -> bool:
    """The same, by blocks."""
    block = arrays["data"].shape[1:]
    if len(block) != 2 or 0 in block:
        return False
    return _is_sound_csr(arrays, [size // step for size, step in zip(sizes, block, strict=True)])


def _is_sound_coo(arrays: dict[str, npt.NDArray[Any]], sizes: list[int]) -> bool:
    """Whether the coordinates stay inside."""
    n = arrays["data"].size
    parts = zip((arrays["row"], arrays["col"]), sizes, strict=True)
    return all(indices.size == n and _all_within(indices, size) for indices, size in parts)


def _is_sound_dia(arrays: dict[str, npt.NDArray[Any]], _sizes: list[int]) -> bool:
    """Whether each diagonal has its values."""
    return arrays["data"].ndim == 2 and len(arrays["data"]) == arrays["offsets"].size


def _all_within(indices: npt.NDArray[Any], size: int) -> bool:
    """Whether indices name places among so many."""
    return bool(indices.size == 0 or (indices.min() >= 0 and indices.max() < size))


_FORMATS: dict[str, Callable[[dict[str, npt.NDArray[Any]], list[int]], bool]] = {
    "csr": _is_sound_csr,
    "csc": _is_sound_csc,
    "bsr": _is_sound_bsr,
    "coo": _is_sound_coo,
    "dia": _is_sound_dia,
}


def _check_bytes(_name: str, _member: bytes) -> None:
    """Bytes are bytes."""


_CHECKS: dict[str, Callable[[str, bytes], object]] = {
    "NdArrayNode": check_array,
    "SparseMatrixNode": check_sparse,
    "BytesNode": _check_bytes,
    "BytearrayNode": _check_bytes,
}
