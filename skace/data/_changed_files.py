"""What is said where files are not read twice alike."""
# SPDX-License-Identifier: BSD-3-Clause

__all__ = ["files_changed"]


def files_changed() -> RuntimeError:
    """Error for files whose second reading does not give what the first one gave."""
    return RuntimeError(
        "the files of path changed while they were read; wait until nothing writes to them, or "
        "read a copy."
    )
