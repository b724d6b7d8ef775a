"""HTTP connections whose whole answer has to come within the timeout."""
# SPDX-License-Identifier: BSD-3-Clause

import http.client
import io
import socket
import time
from functools import partial
from typing import Any
from urllib.request import HTTPHandler, HTTPSHandler, Request

__all__ = ["DeadlineHandler", "SecureDeadlineHandler"]


class _DeadlineReader(io.RawIOBase):
    """Bytes of a socket, until a moment.

    The timeout of a socket is that of a single read, so that a server which sends a byte
    now and then would never be given up. Here a read gets what is left of the time.

    Parameters
    ----------
    sock : socket
        Connected.
    deadline : float
        The moment, in the time of ``time.monotonic``.
    timeout : float
        The seconds that it stands for, to be told.
    """

    def __init__(self, sock: socket.socket, deadline: float, timeout: float) -> None:
        super().__init__()
        self._sock = sock
        self._file = sock.makefile("rb", buffering=0)
        self._deadline = deadline
        self._timeout = timeout

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what is there, or raise a TimeoutError."""
        late = TimeoutError(f"no whole answer within timeout={self._timeout} s")
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise late
        self._sock.settimeout(left)
        try:
            return self._file.readinto(buffer)
        except TimeoutError as error:
            raise late from error

    def close(self) -> None:
        """Let go of the socket."""
        if not self.closed:
            self._file.close()
        super().close()


class _DeadlineResponse(http.client.HTTPResponse):
    """A response, headers and body, that is read until a moment."""

    def __init__(
        self, sock: socket.socket, *args: Any, deadline: float, timeout: float, **kwargs: Any
    ) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_DeadlineReader(sock, deadline, timeout))


def _answer_by(connection: Any, seconds: float) -> None:
    """Give the answer of a new connection so many seconds from now."""
    deadline = time.monotonic() + seconds
    connection.response_class = partial(_DeadlineResponse, deadline=deadline, timeout=seconds)


class _Connection(http.client.HTTPConnection):
    def __init__(self, host: str, *, timeout: float = 60.0, **kwargs: Any) -> None:
        super().__init__(host, timeout=timeout, **kwargs)
        _answer_by(self, timeout)


class _SecureConnection(http.client.HTTPSConnection):
    def __init__(self, host: str, *, timeout: float = 60.0, **kwargs: Any) -> None:
        super().__init__(host, timeout=timeout, **kwargs)
        _answer_by(self, timeout)


class DeadlineHandler(HTTPHandler):
    """Opens http addresses for ``build_opener``."""

    def http_open(self, req: Request) -> http.client.HTTPResponse:
        """Send a request."""
        return self.do_open(_Connection, req)


class SecureDeadlineHandler(HTTPSHandler):
    """Opens https addresses for ``build_opener``."""

    def https_open(self, req: Request) -> http.client.HTTPResponse:
        """Send a request."""
        return self.do_open(_SecureConnection, req)
