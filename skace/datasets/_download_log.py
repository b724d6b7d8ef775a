"""Progress of downloads through logging."""
# SPDX-License-Identifier: BSD-3-Clause

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["logged_download"]

_logger = logging.getLogger("skace")
_SECONDS = 2.0  # between two lines


@contextmanager
def logged_download(name: str, verbose: int) -> Iterator[Callable[[int, int | None], None] | None]:
    """Give a function that logs how far a download is, or None if nobody wants to know.

    Where logging is not set up, the lines go to standard error while the download lasts.
    """
    if not verbose:
        yield None
        return
    handler = None if _logger.hasHandlers() else logging.StreamHandler()
    level = _logger.level
    if handler is not None:
        _logger.addHandler(handler)
    if not _logger.isEnabledFor(logging.INFO):
        _logger.setLevel(logging.INFO)
    try:
        yield _reporter(name)
    finally:
        _logger.setLevel(level)
        if handler is not None:
            _logger.removeHandler(handler)


def _reporter(name: str) -> Callable[[int, int | None], None]:
    """Function that logs at most every other second, and at the end."""
    last = -_SECONDS

    def report(n_bytes: int, total: int | None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _SECONDS and n_bytes != total:
            return
        last = now
        share = f" of {total / 1e6:.1f} MB ({n_bytes / total:.0%})" if total else " MB"
        _logger.info("%s: %.1f%s", name, n_bytes / 1e6, share)

    return report
