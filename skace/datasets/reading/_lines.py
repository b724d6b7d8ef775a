"""Lines of published files, plain or packed, with a name for each fault."""
# SPDX-License-Identifier: BSD-3-Clause

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from skace.datasets.reading._containers import DAMAGE, kind_of, opened

__all__ = ["MISREAD", "LineReader", "check_files"]

# What a parser raises for a field that is absent or something else.
MISREAD = (AttributeError, KeyError, IndexError, OverflowError, TypeError, ValueError)


class LineReader:
    """Lines of a text file, read one by one; knows where it stands.

    Blank lines are left out. What is wrong with the file itself (not text, cut off, a bad
    checksum inside the archive) is a ValueError with file and line.

    Parameters
    ----------
    path : Path
        A text file, plain or packed, whatever its name.
    member : str or None, default=None
        Name of the file inside a zip archive of several. Nothing is extracted.
    encoding : str, default="utf-8"
        How text is stored.
    fallback : str or None, default=None
        Encoding of lines that are not in ``encoding``.

    Attributes
    ----------
    number : int
        Of the line that was read last, from 1.
    place : str
        What is counted: "line", or "row" of a file that has none.
    """

    def __init__(
        self,
        path: Path,
        member: str | None = None,
        *,
        encoding: str = "utf-8",
        fallback: str | None = None,
    ) -> None:
        self.path = path
        self.member = member
        self.number = 0
        self.place = "line"
        self._encodings = [encoding, *([fallback] if fallback else [])]

    @property
    def name(self) -> str:
        """What errors call the file."""
        return str(self.path) if self.member is None else f"{self.path}/{self.member}"

    @property
    def kind(self) -> str:
        """Name of the outermost container, or "text"."""
        return kind_of(self.path)

    def __iter__(self) -> Iterator[str]:
        self.number = 0
        try:
            with opened(self.path, self.member) as file:
                for raw in file:
                    self.number += 1
                    line = self._decode(raw).rstrip("\r\n")
                    if line.strip():
                        yield line
        except DAMAGE as error:
            if getattr(error, "errno", None) is not None:  # of the disk, not of the content
                raise
            raise ValueError(
                f"{self.name} is damaged or cut off after {self.place} {self.number} ({error}); "
                "download it again."
            ) from error

    def fault(self, finding: str) -> ValueError:
        """Error for the line that was read last."""
        return ValueError(f"{self.name}, {self.place} {self.number}: {finding}")

    def misread(self, what: str, error: Exception, row: Any = None) -> ValueError:
        """Error for a row that is not what it should be, from what parsing it raised."""
        if isinstance(error, KeyError):
            among = f" among {', '.join(map(str, row))}"[:200] if isinstance(row, dict) else ""
            return self.fault(f"no field {error.args[0]!r}{among}; {what} has it.")
        return self.fault(f"not {what}: {error}.")

    def _decode(self, raw: bytes) -> str:
        """Text of a line."""
        if self.number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")  # a byte order mark
        for encoding in self._encodings:
            try:
                return raw.decode(encoding)
            except UnicodeDecodeError as error:
                fault = error
        raise self.fault(f"not {self._encodings[0]} text ({fault.reason}).") from fault


def check_files(paths: Any, argument: str, **encoding: Any) -> list[LineReader]:
    """Readers of one existing file, or of the several parts of one.

    Raises
    ------
    FileNotFoundError
        If a file does not exist.
    TypeError
        If it is neither a path nor a list of paths.
    ValueError
        If there is no path, or one stands there twice.
    """
    is_one = isinstance(paths, (str, os.PathLike))
    if not is_one and (isinstance(paths, bytes) or not isinstance(paths, Iterable)):
        raise TypeError(f"{argument} must be a path or a list of paths, got {paths!r}.")
    given = [paths] if is_one else list(paths)
    if not given:
        raise ValueError(f"{argument} is an empty list; give at least one path.")
    found = [_check_file(path, argument) for path in given]
    for place, path in enumerate(found):
        if path in found[:place]:
            raise ValueError(f"{argument} has {str(path)!r} twice; give each part once.")
    return [LineReader(path, **encoding) for path in found]


def _check_file(path: Any, argument: str) -> Path:
    """Path of an existing file."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{argument} must be a path or a list of paths, but holds {path!r}.")
    found = Path(path).expanduser()
    if found.is_dir():
        raise IsADirectoryError(
            f"{argument}={str(path)!r} is a folder; give the path of a file in it, or a list of "
            "paths if it has come in parts."
        )
    if not found.is_file():
        raise FileNotFoundError(f"{argument}={str(path)!r} is no file.")
    return found
