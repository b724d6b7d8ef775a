"""Download of published files: verified, resumed, never half there."""
# SPDX-License-Identifier: BSD-3-Clause

import gzip
import hashlib
import http.client
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from skace._callers import caller_level

__all__ = ["RemoteFile", "download", "has_checksum"]

_CHUNK = 2**18
_TIMEOUT = 60.0  # seconds without a byte before a connection counts as stalled
_RETRIED_STATUS = (408, 416, 425, 429, 500, 502, 503, 504)

Report = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file on a server.

    Parameters
    ----------
    url : str
        Where it lies; its last part is the name of the local file.
    sha256 : str or None, default=None
        Checksum of the content, where it is known.
    """

    url: str
    sha256: str | None = None

    @property
    def name(self) -> str:
        """Name of the local file."""
        parts = urlsplit(self.url)
        name = PurePosixPath(parts.path).name
        if parts.scheme not in ("http", "https") or not name:
            raise ValueError(f"{self.url!r} is no http or https address of a file.")
        return name


class _WebRedirect(HTTPRedirectHandler):
    """Follows to http and https addresses only; by itself urllib goes on to ftp as well."""

    def redirect_request(self, *args: Any) -> Any:
        request = super().redirect_request(*args)
        if request is not None and request.type not in ("http", "https"):
            return None
        return request


_opener = build_opener(_WebRedirect)


class _InterruptedError(ConnectionError):
    """The server closed the connection before the end of the file."""


def download(
    remote: RemoteFile,
    folder: Path,
    *,
    n_retries: int = 3,
    delay: float = 1.0,
    report: Report | None = None,
    force: bool = False,
) -> Path:
    """Local copy of a file; downloaded unless it is there and has the right checksum.

    Bytes go to ``<name>.part``, which a later call goes on with, and which becomes the
    file only when all of it has come and the checksum is right. Two processes that want
    the same file wait for each other (not on Windows).

    Parameters
    ----------
    remote : RemoteFile
        What to download.
    folder : Path
        Where to; made if it does not exist.
    n_retries : int, default=3
        How often to try again after a failure that may pass.
    delay : float, default=1.0
        Seconds before another try.
    report : callable or None, default=None
        Told the bytes so far and the size of the file, if the server says it.
    force : bool, default=False
        Whether to download it although it is there.

    Returns
    -------
    path : Path
        The file.

    Raises
    ------
    OSError
        If the file cannot be had, its checksum is another one, or it is a gzip file that was cut
        or damaged (which is looked at where there is no checksum).

    Warns
    -----
    UserWarning
        If a download has to be tried again, or if neither server nor checksum tells whether all
        of the file has come.
    """
    path = folder / remote.name
    folder.mkdir(parents=True, exist_ok=True)
    with _sole_writer(folder / f"{remote.name}.lock"):
        if force or not _is_there(path, remote):
            part = _Part(folder / f"{remote.name}.part")
            if force:
                part.forget()
            _fetch(remote, part, (n_retries, delay), report)
            part.path.replace(path)
            part.forget()
    return path


def has_checksum(path: Path, remote: RemoteFile) -> bool:
    """Whether a local file is the one on the server, as far as a checksum tells."""
    return remote.sha256 is None or _sha256(path) == remote.sha256


def _is_there(path: Path, remote: RemoteFile) -> bool:
    """Whether the file exists and is the right one."""
    if not path.exists():
        return False
    if remote.sha256 is None:
        return True
    found = _sha256(path)
    if found != remote.sha256:
        warnings.warn(
            f"The SHA256 checksum of the local file {path} ({found}) differs from the expected "
            f"one ({remote.sha256}); downloading it again from {remote.url}.",
            UserWarning,
            stacklevel=2,
        )
    return found == remote.sha256


class _Part:
    """What has come of a file so far, and which version of the file it is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._note = path.with_name(f"{path.name}.version")

    @property
    def n_bytes(self) -> int:
        """How much has come."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def version(self) -> str:
        """What the server called this version of the file, or nothing."""
        return self._note.read_text(encoding="utf-8") if self._note.exists() else ""

    def start(self, version: str) -> None:
        """Begin anew with the given version."""
        self.path.write_bytes(b"")
        self._note.write_text(version, encoding="utf-8")

    def forget(self) -> None:
        """Remove everything."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


def _fetch(
    remote: RemoteFile, part: _Part, retries: tuple[int, float], report: Report | None
) -> None:
    """Fill the part, going on after failures, and verify it."""
    n_retries, delay = retries
    was_begun = part.n_bytes > 0
    for attempt in range(n_retries + 1):
        try:
            is_whole = _receive(remote.url, part, report)
            break
        except (URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
            if not _may_pass(error) or attempt == n_retries:
                raise OSError(_failure(remote, part, error)) from error
            warnings.warn(
                f"Downloading {remote.url} was interrupted ({error}); trying again.",
                UserWarning,
                stacklevel=2,
            )
            time.sleep(delay)
    if remote.sha256 is None:
        _check_without_sum(remote, part, is_whole=is_whole)
        return
    if (found := _sha256(part.path)) == remote.sha256:
        return
    part.forget()
    if was_begun:  # what lay there may have been another version
        _fetch(remote, part, retries, report)
        return
    raise OSError(
        f"The SHA256 checksum of {remote.name} ({found}) differs from the expected one "
        f"({remote.sha256}). The file at {remote.url} was changed or damaged on its way; it was "
        "not kept."
    )


def _check_without_sum(remote: RemoteFile, part: _Part, *, is_whole: bool) -> None:
    """Raise for a gzip file that is damaged; warn if nothing tells that all has come."""
    if remote.name.endswith(".gz"):
        fault = _gzip_fault(part.path)
        if fault is not None:
            part.forget()
            raise OSError(
                f"{remote.name} is no whole gzip file ({fault}). It was cut or damaged on its way "
                f"from {remote.url}, and was not kept; call again."
            )
    elif not is_whole:
        warnings.warn(
            f"the server does not tell how long {remote.url} is, and no checksum is known: whether "
            f"all of it has come, is not known either. {part.n_bytes} bytes are there; compare "
            "that with the page of the publisher, and pass force_download=True to fetch it again.",
            UserWarning,
            stacklevel=caller_level(),
        )


def _gzip_fault(path: Path) -> str | None:
    """What is wrong with a gzip file, or None."""
    if path.stat().st_size == 0:  # which gzip takes for nothing, packed
        return "it is empty"
    try:
        with gzip.open(path) as file:
            while file.read(_CHUNK):
                pass
    except (OSError, EOFError, zlib.error) as error:
        return str(error)
    return None


def _may_pass(error: Exception) -> bool:
    """Whether the same request may succeed later."""
    return not isinstance(error, HTTPError) or error.code in _RETRIED_STATUS


def _failure(remote: RemoteFile, part: _Part, error: Exception) -> str:
    """Text for a download that was given up."""
    kept = part.n_bytes
    remedy = (
        f"{kept} bytes are kept in {part.path}: call again to go on from there."
        if kept
        else "Look whether the address is still right, or download the file by hand."
    )
    return f"{remote.url} could not be downloaded ({error}). {remedy}"


def _receive(url: str, part: _Part, report: Report | None) -> bool:
    """Receive the rest of a file, or all of it if the server does not go on.

    Whether all has come, by the length that the server told.
    """
    response = _ask(url, part)
    if response is None:
        return True
    with response:
        total = _begin(response, part)
        with part.path.open("ab") as file:
            n_bytes = file.tell()
            while chunk := response.read(_CHUNK):
                n_bytes += file.write(chunk)
                if report is not None:
                    report(n_bytes, total)
    if total is not None and n_bytes < total:
        raise _InterruptedError(f"the connection ended after {n_bytes} of {total} bytes")
    return total is not None


def _ask(url: str, part: _Part) -> Any:
    """Response with what is missing, or None if nothing is."""
    headers = {"User-Agent": "skace"}
    # A server that cannot tell versions apart might go on with another file.
    if part.n_bytes and part.version:
        headers |= {"Range": f"bytes={part.n_bytes}-", "If-Range": part.version}
    try:
        return _opener.open(Request(url, headers=headers), timeout=_TIMEOUT)
    except HTTPError as error:
        if error.code != 416:
            raise
        if error.headers.get("Content-Range") == f"bytes */{part.n_bytes}":
            return None  # all was there when the last call was killed
        part.forget()
        raise


def _begin(response: Any, part: _Part) -> int | None:
    """Prepare the part for what follows; return the size of the whole file, if known."""
    if response.status == 206:
        found = response.headers.get("Content-Range", "")
        total: str = found.partition("/")[2]
        if found.startswith(f"bytes {part.n_bytes}-") and total.isdigit():
            return int(total)
        part.forget()
        raise _InterruptedError(f"the server sent the range {found!r}, which was not asked for")
    etag = response.headers.get("ETag") or "W/"
    is_strong = not etag.startswith("W/")  # only such tags stand for bytes
    part.start(etag if is_strong else response.headers.get("Last-Modified") or "")
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None


def _sha256(path: Path) -> str:
    """Checksum of a file as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _sole_writer(path: Path) -> Iterator[None]:
    """Wait until no other process or thread is in here with the same path."""
    try:
        import fcntl
    except ImportError:  # Windows: the checksum is left to notice what two writers did
        yield
        return
    # The file stays: if it were removed, the next two could hold different ones.
    with path.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
