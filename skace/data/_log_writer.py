"""LogWriter: a log that is written user after user, and then mapped."""
# SPDX-License-Identifier: BSD-3-Clause

import secrets
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from skace._typing import IdArray, IntArray
from skace.data._log import (
    EventLog,
    first_of_each,
    places_of_repeats,
    take_events,
    warn_of_repeats,
)
from skace.data._log_files import TOKEN, LogFiles

__all__ = ["LogWriter"]

_OF_EVENTS = ("items", "timestamps", "source", "weights")


class LogWriter:
    """Parts of a log, each of the users that follow those of the one before, in one folder.

    Parameters
    ----------
    folder : Path
        Empty.

    drop_duplicates : bool
        Whether to leave out events that repeat user, item and time of an earlier one; else they are
        warned of.
    """

    def __init__(self, folder: Path, *, drop_duplicates: bool) -> None:
        self._folder = folder
        self._drops = drop_duplicates
        self._files: dict[str, _GrowingFile] = {}
        self._counts: list[IntArray] = []
        self._repeats: IntArray = np.zeros(0, dtype=np.int64)  # places of the first ones
        self._facts: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for file in self._files.values():
            file.close()

    def add(self, part: EventLog) -> None:
        """Write the events of the next users."""
        if self._drops:
            part = take_events(part, first_of_each(part))
        else:
            # The first three are shown.
            found = np.concatenate([self._repeats, places_of_repeats(part)])
            self._repeats = np.sort(found)[:3]
        for fact in ("tied", "repeated", "last tied", "users with two"):
            self._facts[fact] = self._facts.get(fact, 0) + part.count(fact)
        self._counts.append(np.diff(part.offsets))
        for name in _OF_EVENTS:
            values = getattr(part, name)
            if values is not None:
                self._file(name, values.dtype).write(values)

    def _file(self, name: str, dtype: np.dtype[Any]) -> "_GrowingFile":
        if name not in self._files:
            self._files[name] = _GrowingFile(self._folder / f"{name}.npy", dtype)
        return self._files[name]

    def finish(self, user_ids: IdArray, *, is_temporary: bool, **properties: Any) -> EventLog:
        """Log over the files, of users who all have an event."""
        for file in self._files.values():
            file.close()
        offsets = np.concatenate([[0], *self._counts]).cumsum(dtype=np.int64)
        np.save(self._folder / "offsets.npy", offsets)
        np.save(self._folder / "user_ids.npy", user_ids)
        token = secrets.token_hex(16)
        (self._folder / TOKEN).write_text(token, encoding="utf-8")
        names = [*self._files, "offsets", "user_ids"]
        files = LogFiles(self._folder, names, token, is_temporary=is_temporary)
        absent = dict.fromkeys(set(_OF_EVENTS) - set(names))
        log = EventLog(**files.arrays, **absent, files=files, facts=self._facts, **properties)  # type: ignore[arg-type]
        warn_of_repeats(self._facts["repeated"], self._repeats, log.n_events)
        return log


class _GrowingFile:
    """File of an array whose length is known at its end."""

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._n_values = 0
        self._file = path.open("wb")
        self._write_header()

    def _write_header(self) -> None:
        # numpy leaves room for the digits of any length, so that a second header fits.
        header = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (self._n_values,),
        }
        np.lib.format.write_array_header_1_0(self._file, header)

    def write(self, values: npt.NDArray[Any]) -> None:
        np.ascontiguousarray(values, dtype=self._dtype).tofile(self._file)
        self._n_values += values.size

    def close(self) -> None:
        if not self._file.closed:
            self._file.seek(0)
            self._write_header()
            self._file.close()
