"""ParquetEvents: the events of parquet files, some at a time."""
# SPDX-License-Identifier: BSD-3-Clause

import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import narwhals as nw

from skace._validation import first_few
from skace.data._changed_files import files_changed
from skace.data._given import require_events

__all__ = ["EventBatch", "EventColumns", "ParquetEvents"]

_BATCH = 2**20  # events that are in memory together
_HIDDEN = "_."  # how names begin that are passed over, as Spark and Dask do


class EventColumns(NamedTuple):
    """Names of the columns of events."""

    user: str
    item: str
    timestamp: str | None
    weight: str | None


class EventBatch(NamedTuple):
    """Some events, in arrays of pyarrow."""

    users: Any
    items: Any
    times: Any
    weights: Any
    begin: int  # place of the first one in the input


class ParquetEvents:
    """Events in the order of the files and of the rows in them.

    Parameters
    ----------
    path : str, path, or list of these
        Files, folders of files, or patterns of both. Files of a folder or pattern are in natural
        order: ``part.2`` stands before ``part.10``. What is below a folder, or fits a pattern, in a
        file or folder whose name begins with "_" or "." is passed over (``_temporary``, ``.part``):
        it is unfinished or hidden. A pattern finds it if it begins a name so itself.

    columns : EventColumns
        What to read.

    Raises
    ------
    ImportError
        If pyarrow is absent.

    FileNotFoundError
        If there is no such file.

    ValueError
        If a column is absent, ids are neither integers nor strings, files differ, or one is named
        twice.
    """

    def __init__(self, path: Any, columns: EventColumns) -> None:
        if find_spec("pyarrow") is None:
            raise ImportError("from_parquet needs pyarrow; install it: pip install pyarrow.")
        self._columns = columns
        self._paths: list[Path] = []  # of files with events
        self.n_events = 0
        types: dict[str, tuple[str, Path]] = {}
        for file in _paths_of(path):
            opened = self._open(file)
            table = nw.from_native(opened.schema_arrow.empty_table(), eager_only=True)
            require_events(table, *self._columns, name=f"the file {str(file)!r}")
            # Types of columns without a value say nothing: an empty day of pandas has floats.
            if opened.metadata.num_rows:
                self._check_types(opened.schema_arrow, file, types)
                self._paths.append(file)
                self.n_events += opened.metadata.num_rows

    def _open(self, file: Path) -> Any:
        """Open one file, whose pages are mapped rather than read."""
        parquet, arrow = import_module("pyarrow.parquet"), import_module("pyarrow")
        try:
            return parquet.ParquetFile(file, memory_map=True)
        except (OSError, arrow.ArrowException) as error:
            raise ValueError(
                f"{str(file)!r} is no parquet file, or a damaged one: {error}"
            ) from error

    def _check_types(self, schema: Any, file: Path, types: dict[str, tuple[str, Path]]) -> None:
        """Raise for columns that are no ids, or of other types than in files before."""
        for column in filter(None, self._columns):
            own = str(schema.field(column).type)
            if column in (self._columns.user, self._columns.item):
                own = _kind_of(schema.field(column).type)
                if own not in ("integers", "strings"):
                    raise ValueError(
                        f"column {column!r} of {str(file)!r} is {own}; ids must be integers or "
                        "strings, so convert it first."
                    )
            known, where = types.setdefault(column, (own, file))
            if own != known:
                raise ValueError(
                    f"column {column!r} is {known} in {str(where)!r} and {own} in {str(file)!r}; "
                    "write the files alike."
                )

    def batches(self, *, ids_only: bool = False) -> Iterator[EventBatch]:
        """Yield all events, at most 2**20 at a time.

        Raises
        ------
        RuntimeError
            If there are more or fewer than at the beginning.
        """
        user, item, timestamp, weight = self._columns
        if ids_only:
            timestamp = weight = None
        begin = 0
        for file in self._paths:
            read = self._open(file).iter_batches(
                _BATCH, columns=list(dict.fromkeys(filter(None, (user, item, timestamp, weight))))
            )
            for batch in read:
                yield EventBatch(
                    _ids(batch.column(user), user, begin),
                    _ids(batch.column(item), item, begin),
                    None if timestamp is None else batch.column(timestamp),
                    None if weight is None else batch.column(weight),
                    begin,
                )
                begin += batch.num_rows
        # With this no part of an EventSpill is short either: none takes too many.
        if begin != self.n_events:
            raise files_changed()


def _paths_of(path: Any) -> list[Path]:
    """Files that the caller means."""
    given = list(path) if isinstance(path, (list, tuple)) else [path]
    if not given:
        raise ValueError("path is an empty list; name at least one file.")
    for one in given:
        if not isinstance(one, (str, Path)):
            raise TypeError(f"path must be a text, a path, or a list of these, got {one!r}.")
        if one == "":
            raise ValueError('path holds an empty text; "." is the working folder, if it is meant.')
    found = [file for one in given for file in _files_of(Path(one).expanduser())]
    _require_different(found)
    return found


def _require_different(files: list[Path]) -> None:
    """Raise if the events of a file would be counted twice."""
    known: dict[Path, Path] = {}
    for file in files:
        target = file.resolve()
        if target in known:
            raise ValueError(
                f"path names a file twice, as {str(known[target])!r} and as {str(file)!r}; name it "
                "once."
            )
        known[target] = file


def _files_of(path: Path) -> list[Path]:
    """Files of one name, which may be a file, a folder or a pattern."""
    if path.is_file():
        return [path]
    names = _in_folder(path) if path.is_dir() else _matches(path)
    # A set: a pattern with ** finds a folder as well as what is in it.
    files = sorted({name for name in names if name.is_file()}, key=_natural)
    if not files:
        raise FileNotFoundError(
            f"path={str(path)!r} names no file, and no folder or pattern of some."
        )
    return files


def _in_folder(folder: Path) -> Iterator[Path]:
    """Finished files of a folder and of the folders in it."""
    return (name for name in folder.rglob("*.parquet") if not _is_hidden(name, folder))


def _matches(pattern: Path) -> Iterator[Path]:
    """What fits a pattern, which may begin at the root; of folders, the files in them."""
    is_plain = [not set(part) & set("*?[") for part in pattern.parts]
    n_plain = is_plain.index(False) if False in is_plain else len(is_plain)
    base, rest = Path(*pattern.parts[:n_plain]), pattern.parts[n_plain:]
    means_hidden = any(part[0] in _HIDDEN for part in rest)
    for match in base.glob(str(Path(*rest))) if rest else ():
        if means_hidden or not _is_hidden(match, base):
            yield from _in_folder(match) if match.is_dir() else [match]


def _is_hidden(path: Path, folder: Path) -> bool:
    """Whether a part of the path below the folder marks what is unfinished or no data."""
    return any(part[0] in _HIDDEN for part in path.relative_to(folder).parts)


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Sort key in which numbers inside of names count as such."""
    parts = re.split(r"(\d+)", str(path))
    numbers = [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
    return numbers, str(path)  # part.1 and part.01 are no tie, which the file system would break


def _kind_of(kind: Any) -> str:
    """Word for the type of a column of ids."""
    types = import_module("pyarrow").types
    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_integer(kind):
        return "integers"
    is_text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    return "strings" if is_text else str(kind)


def _ids(array: Any, column: str, begin: int) -> Any:
    """Ids as int64 or large_string, without a missing or empty one."""
    arrow, compute = import_module("pyarrow"), import_module("pyarrow.compute")
    if array.null_count:
        row = begin + compute.index(array.is_null(), value=True).as_py()
        raise ValueError(
            f"column {column!r} is missing for {array.null_count} event(s), first in row {row}; "
            "drop these rows."
        )
    if arrow.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if arrow.types.is_integer(array.type):
        return _in_int64(array, column, begin)
    array = array.cast(arrow.large_string())
    is_odd = compute.or_(compute.equal(array, ""), compute.match_substring(array, "\0"))
    place = compute.index(is_odd, value=True).as_py()
    if place >= 0:
        raise ValueError(
            f"column {column!r} holds {first_few([array[place].as_py()])} in row {begin + place}, "
            "which is no id: it is empty or has a NUL character. Drop such rows, or mend the id."
        )
    return array


def _in_int64(array: Any, column: str, begin: int) -> Any:
    """Integers of any width as int64."""
    arrow = import_module("pyarrow")
    try:
        return array.cast(arrow.int64())
    except arrow.ArrowInvalid as error:
        raise ValueError(
            f"column {column!r} holds integers that do not fit in int64, after row {begin}; pass "
            "strings."
        ) from error
