"""Files that are there in full or not at all."""
# SPDX-License-Identifier: BSD-3-Clause

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["new_file_beside", "replace_file"]


@contextmanager
def new_file_beside(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A new file in the folder of a path, under a name that nobody else has.

    It is removed if the block fails, and otherwise on the disk when the block ends.

    Parameters
    ----------
    path : Path
        The file that it is to become.
    """
    part = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
    # Exclusive: what stands there already, a link included, is nothing of ours.
    file = part.open("xb")
    try:
        with file:
            yield part, file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def replace_file(path: Path, content: bytes) -> None:
    """Put content under a path in one step; the old file stays until the new one is complete."""
    with new_file_beside(path) as (part, file):
        file.write(content)
    try:
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Bring the new name to the disk where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # folders cannot be opened on Windows
        return
    try:
        os.fsync(handle)
    except OSError:  # nor synced on some file systems
        pass
    finally:
        os.close(handle)
