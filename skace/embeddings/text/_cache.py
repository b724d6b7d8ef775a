"""Stores of encoded texts, on disk and in memory: append, find, gather."""
# SPDX-License-Identifier: BSD-3-Clause

import errno
import hashlib
import json
import re
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from skace._callers import caller_level
from skace.embeddings.text._checksums import SUM, is_sound, row_sums

__all__ = ["DiskStore", "MemoryStore", "Places", "Segment", "VectorStore", "find", "gather", "keys"]

_KEY = np.dtype("S16")
_BLOCK_BYTES = 2**25  # gathered in one piece
_FORMAT = 1  # of the files; another number means another folder
_SEGMENT = re.compile(r"\d{4}-\d\d-\d\d-\w+")


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Vectors that were written by one run."""

    keys: npt.NDArray[np.bytes_]  # (n,)
    vectors: npt.NDArray[np.float32]  # (n, d), maybe a memmap
    date: str  # when they were encoded, ISO
    sums: npt.NDArray[np.uint32] | None = None  # (n,) checksums of the vectors
    path: Path | None = None  # where the vectors lie, if on disk


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where keys were found: number of the segment, -1 for none, and row in it."""

    segments: npt.NDArray[np.int64]  # (n,)
    rows: npt.NDArray[np.int64]  # (n,)

    @property
    def is_found(self) -> npt.NDArray[np.bool_]:
        """Whether each key was found, (n,)."""
        return self.segments >= 0


class VectorStore(Protocol):
    """Vectors by key, in segments that only grow."""

    def segments(self) -> list[Segment]:
        """All that is there now."""

    def append(self, new_keys: npt.NDArray[np.bytes_], vectors: npt.NDArray[np.float32]) -> None:
        """Add vectors; inside `writing` only."""

    def writing(self) -> Any:
        """Context for one writer at a time."""


def keys(texts: Iterable[str]) -> npt.NDArray[np.bytes_]:
    """Hash of each text, (n,): equal texts have equal keys, others differ."""
    digests = [
        # A lone surrogate is not UTF-8, but it is not this function that should say so.
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        for text in texts
    ]
    return np.frombuffer(b"".join(digests), dtype=_KEY)


def find(segments: list[Segment], wanted: npt.NDArray[np.bytes_]) -> Places:
    """Look keys up; of several copies the first one counts."""
    numbers = np.full(wanted.size, -1, dtype=np.int64)
    rows = np.zeros(wanted.size, dtype=np.int64)
    sizes = [segment.keys.size for segment in segments]
    if not sum(sizes) or not wanted.size:
        return Places(numbers, rows)
    known = np.concatenate([segment.keys for segment in segments])
    order = np.argsort(known, kind="stable")
    at = np.minimum(np.searchsorted(known, wanted, sorter=order), known.size - 1)
    position = order[at]
    is_found = known[position] == wanted
    starts = np.concatenate([[0], np.cumsum(sizes)])
    owner = np.searchsorted(starts, position, side="right") - 1
    numbers[is_found] = owner[is_found]
    rows[is_found] = (position - starts[owner])[is_found]
    return Places(numbers, rows)


def gather(
    segments: list[Segment],
    places: Places,
    out: npt.NDArray[np.float32],
    finish: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]],
) -> None:
    """Write ``finish(vectors)`` into the rows of ``out`` whose keys were found.

    Vectors are read in blocks, in the order in which they lie in their segment.
    """
    for number, segment in enumerate(segments):
        targets = np.flatnonzero(places.segments == number)
        targets = targets[np.argsort(places.rows[targets], kind="stable")]
        step = max(1, _BLOCK_BYTES // max(1, 4 * segment.vectors.shape[1]))
        for start in range(0, targets.size, step):
            block = targets[start : start + step]
            rows = places.rows[block]
            vectors = np.asarray(segment.vectors[rows])
            if segment.path is not None:
                _refuse_damage(segment, rows, vectors)
            out[block] = finish(vectors)


def _refuse_damage(
    segment: Segment, rows: npt.NDArray[np.int64], vectors: npt.NDArray[np.float32]
) -> None:
    """Raise if vectors are not those that were written; files without checksums have to do."""
    is_bad = ~np.isfinite(vectors).all(axis=1)
    if segment.sums is not None:
        is_bad |= row_sums(vectors) != segment.sums[rows]
    if is_bad.any() and segment.path is not None:
        raise ValueError(
            f"{segment.path} is damaged: {int(is_bad.sum())} of {rows.size} vectors are not those "
            f"that were written, first that in row {int(rows[np.argmax(is_bad)])} (or "
            "settings.json beside it tells another width). Remove the files "
            f"{segment.path.with_suffix('.*')}, and their texts are encoded again."
        )


class MemoryStore:
    """Vectors in the memory of this process.

    Parameters
    ----------
    owner : object, default=None
        Kept alive as long as the store is: a function that only its identity tells apart.

    Attributes
    ----------
    probe : tuple of str and ndarray of shape (d,), or None
        One text and its vector, by which it is seen whether the owner was changed in place.
    """

    def __init__(self, owner: Any = None) -> None:
        self.owner = owner
        self.probe: tuple[str, npt.NDArray[np.float32]] | None = None
        self._segments: list[Segment] = []
        self._lock = RLock()

    @property
    def n_bytes(self) -> int:
        """Memory of the vectors."""
        return sum(segment.vectors.nbytes for segment in self._segments)

    def segments(self) -> list[Segment]:
        """All that is there now, those of one day joined into one."""
        with self._lock:
            for date in dict.fromkeys(segment.date for segment in self._segments):
                self._join(date)
            return list(self._segments)

    def _join(self, date: str) -> None:
        """Make one segment of those with this date."""
        same = [segment for segment in self._segments if segment.date == date]
        if len(same) > 1:
            others = [segment for segment in self._segments if segment.date != date]
            joined = Segment(
                np.concatenate([segment.keys for segment in same]),
                np.concatenate([segment.vectors for segment in same]),
                date,
            )
            self._segments = [*others, joined]

    def clear(self) -> None:
        """Forget all vectors."""
        with self._lock:
            self.probe, self._segments = None, []

    def append(self, new_keys: npt.NDArray[np.bytes_], vectors: npt.NDArray[np.float32]) -> None:
        """Add vectors; if their width is another one, forget those that are here and raise."""
        known = {segment.vectors.shape[1] for segment in self._segments}
        if known - {vectors.shape[1]}:
            # Whether the old or the new width is to stay, cannot be known: the next call tells.
            self.clear()
            raise ValueError(
                f"the encoder returned vectors of {vectors.shape[1]} numbers, but those before "
                f"have {max(known)}. They are forgotten: call again, and set revision if it is "
                "another encoder now."
            )
        self._segments.append(Segment(new_keys, vectors, _today()))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One thread at a time."""
        with self._lock:
            yield


class DiskStore:
    """Vectors in a folder of their own below ``root``, shared by all processes.

    Every run that encodes something writes one segment of its own, vectors first, then their
    checksums and keys, and nobody ever changes it: what a killed run has written counts, up to
    the last key that is there. Files hold plain numbers, never objects. Nothing is locked or
    written where everything is there, so that the folder may be one that is only read.

    Parameters
    ----------
    root : str or path-like
        Folder of all caches.
    identity : mapping of str to str
        All that a vector depends on beside the text.
    """

    def __init__(self, root: Any, identity: Mapping[str, str]) -> None:
        self.identity = dict(sorted(identity.items()))
        described = json.dumps([_FORMAT, self.identity], ensure_ascii=True)
        name = hashlib.blake2b(described.encode(), digest_size=12).hexdigest()
        self.folder = Path(root).expanduser() / name
        self._open_files: list[BinaryIO] | None = None
        self._stack = ExitStack()

    def segments(self) -> list[Segment]:
        """All that is there now."""
        n_dims = self._n_dims()
        if n_dims is None:
            return []
        found = [self._segment(path, n_dims) for path in self._key_files()]
        return [segment for segment in found if segment.keys.size]

    def _key_files(self) -> list[Path]:
        """Files of keys that have vectors; others are nobody's, and told."""
        found = sorted(path for path in self.folder.glob("*.keys") if path.is_file())
        stray = [
            path
            for path in found
            if not path.with_suffix(".vectors").is_file() or not _SEGMENT.fullmatch(path.stem)
        ]
        if stray:
            warnings.warn(
                f"{stray[0]} is no part of the cache (a copy, or a file whose vectors are gone) "
                "and is left aside; remove it.",
                UserWarning,
                stacklevel=caller_level(),
            )
        return [path for path in found if path not in stray]

    def _segment(self, path: Path, n_dims: int) -> Segment:
        """One segment, up to the last vector that is there with its key."""
        vectors, sums = path.with_suffix(".vectors"), path.with_suffix(".sums")
        # The keys first: they are written last, so that this number cannot be too large.
        n_rows = path.stat().st_size // _KEY.itemsize
        has_sums = sums.exists()  # not those of earlier versions
        if has_sums:
            n_rows = min(n_rows, sums.stat().st_size // SUM.itemsize)
        n_rows = min(n_rows, vectors.stat().st_size // (4 * n_dims))
        if n_rows == 0:
            return Segment(np.zeros(0, _KEY), np.zeros((0, n_dims), np.float32), "")
        return Segment(
            np.fromfile(path, dtype=_KEY, count=n_rows),
            np.memmap(vectors, dtype="<f4", mode="r", shape=(n_rows, n_dims)),
            path.name[:10],
            np.fromfile(sums, dtype=SUM, count=n_rows) if has_sums else None,
            vectors,
        )

    def append(self, new_keys: npt.NDArray[np.bytes_], vectors: npt.NDArray[np.float32]) -> None:
        """Add vectors to the segment of this run; they are there when this returns."""
        vector_file, sum_file, key_file = self._files(vectors.shape[1])
        _write_all(vector_file, np.ascontiguousarray(vectors, dtype="<f4").tobytes())
        _write_all(sum_file, row_sums(vectors).tobytes())
        _write_all(key_file, new_keys.tobytes())

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One process and thread at a time (on Windows: several, each in its own segment)."""
        with ExitStack() as self._stack:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._stack.enter_context(_locked(self.folder / "lock"))
            except OSError as error:
                raise OSError(
                    f"some texts are not in the cache {self.folder}, and it cannot be written to "
                    f"({error}); pass another folder as cache, or none."
                ) from error
            self._open_files = None
            try:
                yield
            finally:
                self._open_files = None

    def _files(self, n_dims: int) -> list[BinaryIO]:
        """Files of the segment of this run, unbuffered: a killed run loses nothing."""
        known = self._n_dims()
        if known not in (None, n_dims):
            raise ValueError(
                f"the encoder returned vectors of {n_dims} numbers, but those in the cache "
                f"{self.folder} have {known}. It is not the same encoder any more: set revision "
                "to tell them apart, or remove that folder."
            )
        if known is None:
            self._describe(n_dims)
        if self._open_files is None:
            stem = self.folder / f"{_today()}-{uuid.uuid4().hex[:12]}"
            self._open_files = [
                self._stack.enter_context(stem.with_suffix(suffix).open("xb", buffering=0))
                for suffix in (".vectors", ".sums", ".keys")
            ]
        return self._open_files

    def _describe(self, n_dims: int) -> None:
        """Write down, for people too, what lies in the folder."""
        path = self.folder / "settings.json"
        draft = self.folder / "settings.part"
        content = {"format": _FORMAT, "n_dims": n_dims, "identity": self.identity}
        draft.write_text(json.dumps(content, indent=1), encoding="utf-8")
        draft.replace(path)

    def _n_dims(self) -> int | None:
        """Width of the vectors, or None if there are none."""
        path = self.folder / "settings.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            n_dims = content["n_dims"]
        except FileNotFoundError:
            return None
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is damaged; remove the folder {self.folder}.") from error
        if not isinstance(n_dims, int) or isinstance(n_dims, bool) or n_dims < 1:
            raise ValueError(f"{path} is damaged; remove the folder {self.folder}.")
        return n_dims

    def table(
        self, name: str, shape: tuple[int, int], fill: Callable[[npt.NDArray[np.float32]], None]
    ) -> npt.NDArray[np.float32]:
        """Matrix on disk, opened for reading; written by ``fill`` if it is not there.

        In memory where nothing can be written.
        """
        path = self.folder / "tables" / f"{name}.npy"
        found = _read_table(path, shape)
        if found is not None:
            return found
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(self.folder / "lock"):
                if _read_table(path, shape) is None:  # another process may have been here
                    _write_table(path, shape, fill)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            found = np.empty(shape, dtype=np.float32)
            fill(found)
            return found
        return np.load(path, mmap_mode="r", allow_pickle=False)


def _read_table(path: Path, shape: tuple[int, int]) -> npt.NDArray[np.float32] | None:
    """Matrix on disk, or None if it is absent or not the one that was written."""
    sums = path.with_suffix(".sums")
    if not path.exists() or not sums.exists():
        return None
    try:
        found: npt.NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError):  # cut
        return None
    is_same = found.shape == shape and found.dtype == np.dtype("<f4")
    return found if is_same and is_sound(found, np.fromfile(sums, dtype=SUM)) else None


def _write_table(
    path: Path, shape: tuple[int, int], fill: Callable[[npt.NDArray[np.float32]], None]
) -> None:
    """Write a matrix and the checksums of its rows, which come first: one without is none."""
    draft = path.with_suffix(".part")  # a killed run's is written over
    matrix = np.lib.format.open_memmap(draft, mode="w+", dtype=np.dtype("<f4"), shape=shape)
    fill(matrix)
    matrix.flush()
    path.unlink(missing_ok=True)
    path.with_suffix(".sums").write_bytes(row_sums(matrix).tobytes())
    draft.replace(path)


def _write_all(file: BinaryIO, data: bytes) -> None:
    """Write to an unbuffered file, which may take less than it is given."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _today() -> str:
    """ISO date in UTC."""
    return datetime.now(tz=UTC).date().isoformat()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Wait until nobody else is in here with the same path; a killed holder lets go."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with path.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
