"""Lines of published files: plain, gzip or inside a zip, with a name for each fault."""
# SPDX-License-Identifier: BSD-3-Clause

import ast
import gzip
import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

__all__ = ["LineReader", "read_records"]

_SHOWN = 60  # characters of a bad line in an error


class LineReader:
    """Lines of a text file, read one by one; knows where it stands.

    Blank lines are left out. What is wrong with the file itself (not text, cut off, a bad
    checksum inside the archive) is a ValueError with file and line.

    Parameters
    ----------
    path : Path
        A text file, plain or gzip, whatever its name, or a zip archive.
    member : str or None, default=None
        Name of the file inside the zip archive. Nothing is extracted.
    encoding : str, default="utf-8"
        How text is stored.
    fallback : str or None, default=None
        Encoding of lines that are not in ``encoding``.
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
        self._encodings = [encoding, *([fallback] if fallback else [])]

    @property
    def name(self) -> str:
        """What errors call the file."""
        return str(self.path) if self.member is None else f"{self.path}/{self.member}"

    def __iter__(self) -> Iterator[str]:
        self.number = 0
        with self._opened() as file:
            while raw := self._next(file):
                self.number += 1
                line = self._decode(raw).rstrip("\r\n")
                if line.strip():
                    yield line

    def fault(self, finding: str) -> ValueError:
        """Error for the line that was read last."""
        return ValueError(f"{self.name}, line {self.number}: {finding}")

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        """The bytes of the file, unpacked."""
        if self.member is not None:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as file:
                yield cast(BinaryIO, file)
            return
        with self.path.open("rb") as plain:
            is_gzip = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            if not is_gzip:
                yield plain
                return
            with gzip.open(plain) as file:
                yield cast(BinaryIO, file)

    def _next(self, file: BinaryIO) -> bytes:
        """The next line with its end, or nothing at the end of the file."""
        try:
            return file.readline()
        except (EOFError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(
                f"{self.name} is damaged or cut off after line {self.number} ({error}); "
                "download it again."
            ) from error

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


def read_records(lines: LineReader) -> Iterator[dict[str, Any]]:
    """Yield one record per line: JSON, or a Python literal as some publishers write it.

    Python literals go through ``ast.literal_eval``: nothing in a file is ever executed.
    """
    for line in lines:
        try:
            record = _parse(line)
        except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
            raise lines.fault(
                f"neither JSON nor a Python literal, it begins with {line[:_SHOWN]!r}."
            ) from error
        if not isinstance(record, dict):
            raise lines.fault(f"a record in braces expected, got {line[:_SHOWN]!r}.")
        yield record


def _parse(line: str) -> Any:
    """Value of a line. JSON has keys in double quotes, Python's repr in single ones."""
    if line.lstrip().startswith('{"'):
        try:
            return json.loads(line)
        except json.JSONDecodeError:
            pass  # the repr of a key with an apostrophe begins like JSON
    return ast.literal_eval(line.strip())
