"""Files of fitted models that hold numbers and names, and run no code when they are opened."""
# SPDX-License-Identifier: BSD-3-Clause

import hashlib
import io
import json
import os
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

import numpy as np
import sklearn
from sklearn.base import BaseEstimator

import skace
from skace import embeddings, item_tables, losses, recommenders
from skace._exports import exported_classes
from skace._file_members import check_members
from skace._fitted_shapes import check_fitted_arrays
from skace._moved import MOVED
from skace._validation import first_few
from skace._version import release_of
from skace._whole_files import replace_file

__all__ = ["TRUSTED_TYPES", "dump", "load"]

_FORMAT = 1  # of the manifest; a file with a higher number needs a newer skace
_MANIFEST, _SCHEMA = "skace.json", "schema.json"
_PIECES, _PIECE_BYTES = 16, 2**12  # of a member, to see whether it shrinks
# What damaged or foreign content makes zip, json, numpy, scipy and skops raise.
_FAULTS = (
    ArithmeticError,
    AttributeError,
    BadZipFile,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


_MODULES_OF_BEFORE = {now: before for before, now in MOVED.items()}


def _names_of_estimators() -> Iterator[str]:
    """Full names of the estimators, item tables and losses that skace exports, also old ones."""
    for package in (embeddings, item_tables, losses, recommenders):
        for cls in exported_classes(package, BaseEstimator):
            yield f"{cls.__module__}.{cls.__qualname__}"
            before = _MODULES_OF_BEFORE.get(cls.__module__)
            if before is not None:
                yield f"{before}.{cls.__qualname__}"


#: Names of the types that `load` accepts beyond those that skops accepts by itself: the
#: estimators, item tables and losses of skace, its splitters and scorers (in a fitted search), and
#: containers of scipy and scikit-learn without code of their own.
TRUSTED_TYPES: tuple[str, ...] = (
    *sorted(_names_of_estimators()),
    "skace.metrics._candidates._CandidateMetric",
    "skace.metrics._candidates._CandidateScorer",
    "skace.metrics._names.RankMetric",
    "skace.metrics._scorers.RankScorer",
    "skace.model_selection._leave_last_out.LeaveLastOut",
    "skace.model_selection._temporal.TemporalSplit",
    "scipy.sparse._csr.csr_array",
    "sklearn.utils._bunch.Bunch",
)


def dump(estimator: Any, path: str | os.PathLike[str]) -> str:
    """Write an estimator to a file that holds no code and no pickle.

    The file is a skops file (a zip archive of numpy arrays and one JSON text) with a list of its
    content and of the versions that wrote it. Ids and counts are compressed; weights are not,
    because they hardly shrink. Callbacks are left out.

    Parameters
    ----------
    estimator : estimator
        An estimator of skace, or an estimator of scikit-learn (pipeline, search, ...)
        around it, fitted or not.

    path : str or path-like
        Where to write. An existing file is replaced when the new file is complete and on the disk.
        Until then the new file has a temporary name in the same folder, and is deleted if writing
        fails.

    Returns
    -------
    sha256 : str
        Hash of the file. Store it elsewhere and pass it to `load`, to make sure that
        nobody has exchanged the file.

    Raises
    ------
    ImportError
        If skops is not installed.

    TypeError
        If it is not an estimator, or holds something that skops cannot write.

    Notes
    -----
    Writing needs about three times the size of the file in memory.

    Stability: provisional.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skace import PopularityEstimator
    >>> from skace.persistence import dump, load
    >>> model = PopularityEstimator(k=2).fit([["pen", "ink"], ["pen", "cap"]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "model.skops"
    ...     sha256 = dump(model, path)
    ...     print(load(path, sha256=sha256))
    PopularityEstimator(k=2)
    """
    if not isinstance(estimator, BaseEstimator):
        raise TypeError(
            f"estimator must be an estimator, got {type(estimator).__name__}; logs and catalogs "
            "are data, to be kept as frames or arrays."
        )
    skops_io = _import_skops()
    with _without_callbacks(estimator):
        content = _with_manifest(skops_io.dumps(estimator))
    replace_file(Path(path), content)
    return hashlib.sha256(content).hexdigest()


def load(
    path: str | os.PathLike[str], *, sha256: str | None = None, trusted: Iterable[str] = ()
) -> Any:
    """Open a file that `dump` wrote.

    Everything is checked before anything is built. The hash must match, if one is given. The
    archive must be complete and unchanged. Each member must be the array or matrix that it is
    opened as, with no index outside of it. Only types of `TRUSTED_TYPES`, types that skops accepts
    (scikit-learn's estimators, numpy's arrays) and those of ``trusted`` are allowed. Arrays that
    were learned together must fit each other. No code comes from the file.

    Parameters
    ----------
    path : str or path-like
        The file.

    sha256 : str or None, default=None
        The hash that `dump` returned. Somebody who exchanges the file can also make a new list of
        its content, so only a hash that came another way proves that it is the same file.

    trusted : iterable of str, default=()
        Full names of further types, such as ``"mypackage.MyRecommender"``, that the file may
        hold. Their code is imported from this machine.

    Returns
    -------
    estimator : estimator
        The estimator as it was dumped. It runs on the device of its parameters, or on the CPU if
        that device is absent.

    Raises
    ------
    ImportError
        If skops is not installed.

    ValueError
        If the file was changed or cut, was not written by `dump`, or holds a type that is
        not trusted.

    Warns
    -----
    UserWarning
        If another release of skace wrote the file.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    See `dump`.
    """
    skops_io = _import_skops()
    content = Path(path).read_bytes()
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256.lower():
        raise ValueError(
            f"{path} has another sha256 than the one given: it is not the file that was dumped. "
            "Fetch it again from where it was made."
        )
    try:
        manifest = _check_content(content)
        estimator = _build(skops_io, content, trusted)
    except _FAULTS as error:
        raise ValueError(f"{path} cannot be opened: {error}") from error
    _warn_of_other_version(path, manifest["versions"])
    return estimator


def _import_skops() -> ModuleType:
    """The module skops.io."""
    try:
        import skops.io
    except ModuleNotFoundError as error:
        if error.name != "skops":
            raise
        raise ImportError(
            "skace.persistence needs skops, which is not installed. Install it with "
            "'pip install skops'."
        ) from error
    return skops.io


# Writing.


@contextmanager
def _without_callbacks(estimator: Any) -> Iterator[None]:
    """Take callbacks off an estimator and those inside it, and put them back."""
    removed = [
        (part, vars(part).pop("_skl_callbacks"))
        for part in _estimators_in(estimator, set())
        if "_skl_callbacks" in vars(part)
    ]
    try:
        yield
    finally:
        for part, callbacks in removed:
            part._skl_callbacks = callbacks


def _estimators_in(value: Any, met: set[int]) -> list[Any]:
    """Estimators in a value, each once."""
    if id(value) in met:
        return []
    if isinstance(value, BaseEstimator):
        met.add(id(value))
        return [value, *_estimators_in(list(vars(value).values()), met)]
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, (list, tuple)):
        return []
    return [estimator for part in value for estimator in _estimators_in(part, met)]


def _with_manifest(content: bytes) -> bytes:
    """The archive once more, with a list of its members, and those compressed that shrink."""
    buffer = io.BytesIO()
    digests = {}
    with ZipFile(io.BytesIO(content)) as old, ZipFile(buffer, "w") as new:
        for name in old.namelist():
            member = old.read(name)
            digests[name] = hashlib.sha256(member).hexdigest()
            new.writestr(name, member, ZIP_DEFLATED if _shrinks(member) else ZIP_STORED)
        manifest = {"format": _FORMAT, "versions": _versions(), "sha256": digests}
        new.writestr(_MANIFEST, json.dumps(manifest, indent=1), ZIP_DEFLATED)
    return buffer.getvalue()


def _shrinks(member: bytes) -> bool:
    """Whether compression is worth its time, by pieces from everywhere: a triangle shrinks."""
    starts = range(0, len(member), max(_PIECE_BYTES, len(member) // _PIECES))
    probe = b"".join(member[start : start + _PIECE_BYTES] for start in starts)
    return len(zlib.compress(probe, level=1)) < 0.7 * len(probe)


def _versions() -> dict[str, str]:
    """Versions that shape a file."""
    modules: tuple[Any, ...] = (skace, sklearn, np)
    return {module.__name__: module.__version__ for module in modules}


# Reading.


def _check_content(content: bytes) -> dict[str, Any]:
    """Manifest of an archive whose members are those that were written."""
    with ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        if {member.compress_type for member in archive.infolist()} - {ZIP_STORED, ZIP_DEFLATED}:
            raise ValueError("it was packed in a way that dump does not use.")
        if _MANIFEST not in names:
            raise ValueError(
                "it was not written by skace.persistence.dump; open other skops files with "
                "skops.io.load(path, trusted=skace.persistence.TRUSTED_TYPES)."
            )
        manifest: dict[str, Any] = json.loads(archive.read(_MANIFEST))
        if manifest["format"] > _FORMAT:
            raise ValueError(
                f"it was written by skace {manifest['versions']['skace']} in a newer format; "
                "update skace."
            )
        _check_names(names, [*manifest["sha256"], _MANIFEST])
        members = {name: archive.read(name) for name in manifest["sha256"]}
    for name, digest in manifest["sha256"].items():
        _check_digest(name, members[name], digest)
    check_members(members.pop(_SCHEMA), members)
    return manifest


def _check_names(found: list[str], expected: list[str]) -> None:
    """Raise unless the archive holds each expected member once, and nothing else."""
    missing, added = sorted({*expected} - {*found}), sorted({*found} - {*expected})
    if missing or added or len(found) > len(expected):
        raise ValueError(
            f"it was changed after it was written: missing {first_few(missing) or 'nothing'}, "
            f"added {first_few(added) or 'nothing'}. Fetch it again from where it was made."
        )


def _check_digest(name: str, member: bytes, digest: str) -> None:
    """Raise if a member is not the one that was written."""
    if hashlib.sha256(member).hexdigest() != digest:
        raise ValueError(
            f"{name} was changed after it was written. Fetch the file again from where it was made."
        )


def _build(skops_io: ModuleType, content: bytes, trusted: Iterable[str]) -> Any:
    """The estimator, if all types are trusted."""
    allowed = [*TRUSTED_TYPES, *([trusted] if isinstance(trusted, str) else trusted)]
    unknown = sorted({*skops_io.get_untrusted_types(data=content)} - {*allowed})
    if unknown:
        raise ValueError(
            f"it holds {len(unknown)} type(s) that are not trusted: {first_few(unknown, 5)}. If "
            f"you know them and made the file yourself, pass trusted={unknown}."
        )
    estimator = skops_io.loads(content, trusted=allowed)
    if not isinstance(estimator, BaseEstimator):
        raise TypeError(f"it holds a {type(estimator).__name__}, not an estimator.")
    for part in _estimators_in(estimator, set()):
        if type(part).__module__.startswith("skace."):
            check_fitted_arrays(part)
    return estimator


def _warn_of_other_version(path: Any, versions: dict[str, str]) -> None:
    """Warn if another release wrote the file; those on the way to one are not told apart."""
    if release_of(versions["skace"]) != release_of(skace.__version__):
        warnings.warn(
            f"{path} was written by skace {versions['skace']}, this is {skace.__version__}; check "
            "its answers on rows of which you know them, or fit it anew.",
            UserWarning,
            stacklevel=3,
        )
