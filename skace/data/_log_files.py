"""LogFiles: the arrays of a log in a folder, mapped into memory instead of read."""
# SPDX-License-Identifier: BSD-3-Clause

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

__all__ = ["TOKEN", "LogFiles", "folder_for_log"]

TOKEN = "token"  # file of a text that no other log has


class LogFiles:
    """Where arrays of a log are mapped from; a pickle of it holds the path and the token alone.

    Parameters
    ----------
    folder : str or path
        Holds a file ``name.npy`` for each array.

    names : iterable of str
        The arrays.

    token : str
        What the file `TOKEN` of the folder has to hold, so that a pickle never opens another log.

    is_temporary : bool, default=False
        Whether the folder goes when this object does.

    Raises
    ------
    FileNotFoundError
        If the folder is gone.

    ValueError
        If there is another log in it by now.
    """

    def __init__(self, folder: Any, names: Any, token: str, *, is_temporary: bool = False) -> None:
        self.folder = Path(folder).absolute()  # also where the working folder is another one later
        self._token = token
        _require_token(self.folder, token)
        self.arrays = {name: _mapped(self.folder / f"{name}.npy") for name in names}
        if is_temporary:
            weakref.finalize(self, _remove, self.folder, os.getpid())

    def __reduce__(self) -> tuple[Any, ...]:
        return LogFiles, (os.fspath(self.folder), tuple(self.arrays), self._token)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return itself: nothing can be written, and a temporary folder stays for all copies."""
        return self


def _require_token(folder: Path, token: str) -> None:
    """Raise if the log that had this token is no longer in the folder."""
    try:
        found = (folder / TOKEN).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise _gone(folder) from error
    if found != token:
        raise ValueError(
            f"the log in {str(folder)!r} was written anew since; read it again: "
            "Interactions.from_parquet(path, folder=...)."
        )


def _mapped(path: Path) -> npt.NDArray[Any]:
    """Array of a file, read-only; pages of it are read as they are looked at."""
    try:
        # As a plain array: what a memmap gives back when it is sliced would still call itself one.
        return np.asarray(np.load(path, mmap_mode="r"))
    except FileNotFoundError as error:
        raise _gone(path.parent) from error


def _gone(folder: Path) -> FileNotFoundError:
    """Error for a log whose files are no longer there."""
    return FileNotFoundError(
        f"the events of this log were kept in {str(folder)!r}, which is gone. A temporary "
        "folder goes with the object that it was made for; give a log that is to be opened "
        "again, or by other machines, a folder that stays: "
        "Interactions.from_parquet(path, folder=...)."
    )


def _remove(folder: Path, owner: int) -> None:
    """Remove a folder, in the process that made it: what that has forked only looks."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def folder_for_log(folder: Any) -> Iterator[Path]:
    """Empty folder to write a log into, new in the system's temporary folder if none is given.

    Where an error ends the block, it is emptied again, and removed if it was not there before.

    Raises
    ------
    ValueError
        If there is something in it.
    """
    if folder is None:
        path, was_there = Path(tempfile.mkdtemp(prefix="skace-")), False
    else:
        path = Path(folder)
        was_there = path.exists()
        if was_there and (not path.is_dir() or any(path.iterdir())):
            raise ValueError(
                f"folder={str(path)!r} is no empty folder; name one that is empty, or a new one."
            )
        path.mkdir(parents=True, exist_ok=True)
    try:
        yield path
    except BaseException:
        if was_there:
            _clear(path)
        else:
            shutil.rmtree(path, ignore_errors=True)
        raise


def _clear(folder: Path) -> None:
    """Remove what is in a folder, as far as the system lets it."""
    with suppress(OSError):  # another error is on its way, which says more
        for path in list(folder.iterdir()):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
