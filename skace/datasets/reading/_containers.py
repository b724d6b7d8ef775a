"""Containers of published files, told by their first bytes, whatever a file is called."""
# SPDX-License-Identifier: BSD-3-Clause

import bz2
import gzip
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, cast

from skace._validation import first_few

__all__ = ["DAMAGE", "kind_of", "opened"]

# What libraries raise for bytes that are not as they should be. An OSError may also be one of the
# disk; those have a number.
DAMAGE = (
    EOFError,
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    tarfile.TarError,
)

_FIRST_BYTES = {
    "gzip": rb"\x1f\x8b",
    "bzip2": rb"BZh[1-9]1AY&SY",
    "xz": rb"\xfd7zXZ\x00",
    "zstd": rb"\x28\xb5\x2f\xfd",
    "zip": rb"PK(\x03\x04|\x05\x06)",
    "tar": rb"(?s).{257}ustar",
    "parquet": rb"PAR1",
    "another archive": rb"7z\xbc\xaf\x27\x1c|Rar!|\x04\x22\x4d\x18",
    "UTF-16": rb"\xff\xfe|\xfe\xff",
    "a web page": rb"(?i)\s*<(!doctype|html|head|\?xml)",
    "a pointer": rb"version https://git-lfs",
    "another format": rb"\x89HDF|SQLite format 3|\x93NUMPY|ARROW1|\x80[\x02-\x05]|%PDF",
}
_PATTERNS = {kind: re.compile(pattern) for kind, pattern in _FIRST_BYTES.items()}
_HEAD = 262  # bytes that the longest of these patterns looks at
_DEPTH = 4  # containers inside each other

_REFUSALS = {
    "parquet": (
        "is a parquet file, where lines of text are published; read it with pandas.read_parquet, "
        "and pass the frame to Interactions.from_frame"
    ),
    "another archive": "is an archive that Python cannot open; unpack it, and give what is in it",
    "UTF-16": (
        "is UTF-16 text; write it as UTF-8, for example with iconv -f UTF-16 -t UTF-8, and give "
        "that file"
    ),
    "a web page": (
        "is a web page: what a server answers in place of a file that it does not give; download "
        "the file from its publisher again"
    ),
    "a pointer": "is a pointer of Git LFS to a file, not the file; get that with git lfs pull",
    "another format": "is a binary file and none that is published; give the published one",
}


def kind_of(path: Path) -> str:
    """Name of the container that a file is, or "text"."""
    with path.open("rb") as file:
        return _kind(file.read(_HEAD))


def _kind(head: bytes) -> str:
    matches = (kind for kind, pattern in _PATTERNS.items() if pattern.match(head))
    return next(matches, "text")


@contextmanager
def opened(path: Path, member: str | None = None) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked, if need be several times.

    Parameters
    ----------
    path : Path
        Text, also inside gzip, bzip2, xz, zstd, or a zip or tar archive of one file.
    member : str or None, default=None
        Name of the file in a zip archive of several. Nothing is extracted.

    Raises
    ------
    ValueError
        If it is a container that cannot be opened, or no text.
    """
    name = str(path)
    with ExitStack() as stack:
        file: Any = stack.enter_context(path.open("rb"))
        if member is not None:
            file = stack.enter_context(_member_of_zip(file, name, member))
        for _ in range(_DEPTH):
            kind = _kind(file.peek(_HEAD)[:_HEAD])
            if kind in _REFUSALS:
                raise ValueError(f"{name} {_REFUSALS[kind]}.")
            if kind == "text":
                break
            if kind in _ARCHIVES and not file.seekable():
                raise ValueError(f"{name} is a {kind} archive inside zstd; unpack it first.")
            file = stack.enter_context(_OPENERS[kind](file, name))
        yield cast(BinaryIO, file)


def _only_one(members: Iterable[str], name: str, kind: str) -> str:
    """The one name of a file in an archive."""
    found = [member for member in members if not member.startswith("__MACOSX/")]
    if len(found) != 1:
        raise ValueError(
            f"{name} is a {kind} archive of {len(found)} files ({first_few(found)}); unpack it, "
            "and give the path of the one that is meant, or a list if it is in parts."
        )
    return found[0]


def _zip(file: BinaryIO, name: str) -> Any:
    """The one file of a zip archive."""
    entries = zipfile.ZipFile(file).infolist()
    names = (entry.filename for entry in entries if not entry.is_dir())
    return _member_of_zip(file, name, _only_one(names, name, "zip"))


def _member_of_zip(file: BinaryIO, name: str, member: str) -> Any:
    """One file of a zip archive, by its name."""
    try:
        return zipfile.ZipFile(file).open(member)
    except RuntimeError as error:  # encrypted, or packed in a way that Python does not know
        raise ValueError(f"{name} cannot be unpacked ({error}); do it by other means.") from error


def _tar(file: BinaryIO, name: str) -> Any:
    """The one file of a tar archive."""
    archive = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115 - what it holds is read later
    names = (entry.name for entry in archive if entry.isfile())
    return archive.extractfile(_only_one(names, name, "tar"))


def _zstd(file: BinaryIO, name: str) -> Any:
    """Unpack zstd with Python, which can do it from 3.14 on, or with pyarrow."""
    try:
        return io.BufferedReader(import_module("compression.zstd").ZstdFile(file))
    except ImportError:
        pass
    try:
        stream = import_module("pyarrow").CompressedInputStream(file, "zstd")
    except ImportError as error:
        raise ImportError(
            f"{name} is packed with zstd; unpack it with zstd -d, or install pyarrow."
        ) from error
    return io.BufferedReader(stream)


_ARCHIVES = ("zip", "tar")
_OPENERS: dict[str, Callable[[BinaryIO, str], Any]] = {
    "gzip": lambda file, _: gzip.GzipFile(fileobj=file, mode="rb"),
    "bzip2": lambda file, _: bz2.BZ2File(file),
    "xz": lambda file, _: lzma.LZMAFile(file),  # noqa: SIM115 - what it holds is read later
    "zip": _zip,
    "tar": _tar,
    "zstd": _zstd,
}
