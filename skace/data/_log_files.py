"""LogFiles: the arrays of a log in a folder, mapped into memory instead of read."""
# SPDX-License-Identifier: BSD-3-Clause

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["LogFiles", "folder_for_log"]


class LogFiles:
    """Where arrays of a log are mapped from; a pickle of it holds the path alone.

    Parameters
    ----------
    folder : str or path
        Holds a file ``name.npy`` for each array.

    names : iterable of str
        The arrays.

    is_temporary : bool, default=False
        Whether the folder goes when this object does.
    """

    def __init__(self, folder: Any, names: Any, *, is_temporary: bool = False) -> None:
        self.folder = Path(folder)
        self.arrays = {name: _mapped(self.folder / f"{name}.npy") for name in names}
        if is_temporary:
            weakref.finalize(self, _remove, self.folder, os.getpid())

    def __reduce__(self) -> tuple[Any, ...]:
        return LogFiles, (os.fspath(self.folder.absolute()), tuple(self.arrays))


def _mapped(path: Path) -> npt.NDArray[Any]:
    """Array of a file, read-only; pages of it are read as they are looked at."""
    try:
        # As a plain array: what a memmap gives back when it is sliced would still call itself one.
        return np.asarray(np.load(path, mmap_mode="r"))
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"the events of this log were kept in {str(path.parent)!r}, which is gone. A temporary "
            "folder goes with the object that it was made for; give a log that is to be opened "
            "again, or by other machines, a folder that stays: "
            "Interactions.from_parquet(path, folder=...)."
        ) from error


def _remove(folder: Path, owner: int) -> None:
    """Remove a folder, in the process that made it: what that has forked only looks."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def folder_for_log(folder: Any) -> Iterator[Path]:
    """Empty folder to write a log into, new in the system's temporary folder if none is given.

    It is emptied again where an error ends the block.

    Raises
    ------
    ValueError
        If there is something in it.
    """
    if folder is None:
        path = Path(tempfile.mkdtemp(prefix="skace-"))
    else:
        path = Path(folder)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise ValueError(
                f"folder={str(path)!r} is no empty folder; name one that is empty, or a new one."
            )
        path.mkdir(parents=True, exist_ok=True)
    try:
        yield path
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
