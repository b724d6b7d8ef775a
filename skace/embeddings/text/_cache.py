"""Stores of encoded texts, on disk and in memory: append, find, gather."""
# SPDX-License-Identifier: BSD-3-Clause

import hashlib
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["DiskStore", "MemoryStore", "Places", "Segment", "VectorStore", "find", "gather", "keys"]

_KEY = np.dtype("S16")
_BLOCK_BYTES = 2**25  # gathered in one piece
_FORMAT = 1  # of the files; another number means another folder


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Vectors that were written by one run."""

    keys: npt.NDArray[np.bytes_]  # (n,)
    vectors: npt.NDArray[np.float32]  # (n, d), maybe a memmap
    date: str  # when they were encoded, ISO


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
            out[block] = finish(np.asarray(segment.vectors[places.rows[block]]))


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
        """Add vectors."""
        self._segments.append(Segment(new_keys, vectors, _today()))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One thread at a time."""
        with self._lock:
            yield


class DiskStore:
    """Vectors in a folder of their own below ``root``, shared by all processes.

    Every run that encodes something writes one segment of its own, vectors first and then
    their keys, and nobody ever changes it: what a killed run has written counts, up to the
    last key that is there. Files hold plain numbers, never objects.

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
        self._open_files: tuple[BinaryIO, BinaryIO] | None = None
        self._stack = ExitStack()

    def segments(self) -> list[Segment]:
        """All that is there now."""
        n_dims = self._n_dims()
        if n_dims is None:
            return []
        found = [self._segment(path, n_dims) for path in sorted(self.folder.glob("*.keys"))]
        return [segment for segment in found if segment.keys.size]

    def _segment(self, path: Path, n_dims: int) -> Segment:
        """One segment, up to the last vector that is there with its key."""
        vectors = path.with_suffix(".vectors")
        # The keys first: they are written last, so that this number cannot be too large.
        n_keys = path.stat().st_size // _KEY.itemsize
        n_rows = min(n_keys, vectors.stat().st_size // (4 * n_dims))
        if n_rows == 0:
            return Segment(np.zeros(0, _KEY), np.zeros((0, n_dims), np.float32), "")
        return Segment(
            np.fromfile(path, dtype=_KEY, count=n_rows),
            np.memmap(vectors, dtype="<f4", mode="r", shape=(n_rows, n_dims)),
            path.name[:10],
        )

    def append(self, new_keys: npt.NDArray[np.bytes_], vectors: npt.NDArray[np.float32]) -> None:
        """Add vectors to the segment of this run; they are there when this returns."""
        vector_file, key_file = self._files(vectors.shape[1])
        _write_all(vector_file, np.ascontiguousarray(vectors, dtype="<f4").tobytes())
        _write_all(key_file, new_keys.tobytes())

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One process and thread at a time (on Windows: several, each in its own segment)."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with _locked(self.folder / "lock"), ExitStack() as self._stack:
            self._open_files = None
            try:
                yield
            finally:
                self._open_files = None

    def _files(self, n_dims: int) -> tuple[BinaryIO, BinaryIO]:
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
            vector_file, key_file = (
                self._stack.enter_context(stem.with_suffix(suffix).open("xb", buffering=0))
                for suffix in (".vectors", ".keys")
            )
            self._open_files = vector_file, key_file
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
            return int(content["n_dims"])
        except FileNotFoundError:
            return None
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is damaged; remove the folder {self.folder}.") from error

    def table(
        self, name: str, shape: tuple[int, int], fill: Callable[[npt.NDArray[np.float32]], None]
    ) -> npt.NDArray[np.float32]:
        """Matrix on disk, opened for reading; written by ``fill`` if it is not there."""
        folder = self.folder / "tables"
        path = folder / f"{name}.npy"
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(self.folder / "lock"):
            if not path.exists():
                draft = folder / f"{name}.part"  # a killed run's is written over
                dtype = np.dtype("<f4")
                matrix = np.lib.format.open_memmap(draft, mode="w+", dtype=dtype, shape=shape)
                fill(matrix)
                matrix.flush()
                draft.replace(path)
        found: npt.NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
        return found


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
