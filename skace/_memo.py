"""A small store of costly results, per process, safe for threads and forks."""
# SPDX-License-Identifier: BSD-3-Clause

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, Protocol, TypeVar

__all__ = ["Memo"]


class Sized(Protocol):
    """What a memo keeps tells its size."""

    @property
    def n_bytes(self) -> int:
        """Memory that it takes."""


T = TypeVar("T", bound=Sized)


class Memo(Generic[T]):
    """Least recently used results of this process, safe for threads.

    Parameters
    ----------
    max_entries : int
        Number of results kept.

    max_bytes : int
        Total size above which the oldest are dropped; the newest one always stays.

    Attributes
    ----------
    n_computed : int
        Results that were computed, and not found, so far.
    """

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self.clear()
        # A forked child inherits neither the threads that were computing nor a usable lock.
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.clear)

    def clear(self) -> None:
        """Forget everything."""
        self.n_computed = 0
        self._lock = Lock()
        self._entries: OrderedDict[Hashable, Future[T]] = OrderedDict()

    def get(self, key: Hashable, compute: Callable[[], T], *, n_bytes: int = 0) -> T:
        """Result under ``key``; threads that ask at the same time share one run.

        ``n_bytes`` is the size that the result will have: room is made before the work.
        """
        with self._lock:
            future = self._entries.get(key)
            is_mine = future is None
            if future is None:
                future = self._entries[key] = Future()
                self._shrink(n_bytes)
            self._entries.move_to_end(key)
        if is_mine:
            self._run(key, future, compute)
        return future.result()

    def make_room(self, n_bytes: int) -> None:
        """Drop entries for something of this size that will not be kept here."""
        with self._lock:
            self._shrink(n_bytes, n_kept=0)

    def _run(
        self,
        key: Hashable,
        future: "Future[T]",
        compute: Callable[[], T],
    ) -> None:
        """Compute and publish; a failure is told to all who wait and not kept."""
        try:
            result = compute()
        except BaseException as error:
            with self._lock:
                self._entries.pop(key, None)
            future.set_exception(error)
            raise
        future.set_result(result)
        with self._lock:
            self.n_computed += 1
            self._shrink()

    def _shrink(self, n_coming: int = 0, n_kept: int = 1) -> None:
        """Drop the oldest entries until the rest and what comes are within the limits."""
        while len(self._entries) > n_kept and (
            len(self._entries) > self.max_entries or self._n_bytes() + n_coming > self.max_bytes
        ):
            self._entries.popitem(last=False)

    def _n_bytes(self) -> int:
        """Size of the finished entries."""
        done = [future for future in self._entries.values() if future.done()]
        return sum(future.result().n_bytes for future in done)
