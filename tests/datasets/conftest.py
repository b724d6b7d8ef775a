"""A server on this machine that delivers files as badly as it is told to."""
# SPDX-License-Identifier: BSD-3-Clause

import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@dataclass
class FaultyServer:
    """Files by path, and what goes wrong with the next requests."""

    files: dict = field(default_factory=dict)
    cuts: list = field(default_factory=list)  # bytes after which the next responses end
    statuses: list = field(default_factory=list)  # of the next responses, in place of files
    versions: dict = field(default_factory=dict)  # ETag of each path, '"1"' if not named
    resumes: bool = True
    tells_length: bool = True
    moved: dict = field(default_factory=dict)  # path to the address that it redirects to
    range_shift: int = 0  # how far the range in a response is from the one that was asked for
    requests: list = field(default_factory=list)  # (path, Range header)
    url: str = ""

    @property
    def ranges(self):
        return [asked for _, asked in self.requests]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        faults = self.server.faults
        asked = self.headers.get("Range")
        faults.requests.append((self.path, asked))
        if self.path in faults.moved:
            self.send_response(302)
            self.send_header("Location", faults.moved[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if faults.statuses or self.path not in faults.files:
            self.send_error(faults.statuses.pop(0) if faults.statuses else 404)
            return
        content = faults.files[self.path]
        version = faults.versions.get(self.path, '"1"')
        start = self._start(asked, version) if faults.resumes else 0
        if start >= len(content) > 0:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self._send(content, start, version)

    def _start(self, asked, version):
        """Where to begin: at the range only if the file is still the one that was begun."""
        if not asked or self.headers.get("If-Range") != version:
            return 0
        return int(re.fullmatch(r"bytes=(\d+)-", asked).group(1))

    def _send(self, content, start, version):
        faults = self.server.faults
        body = content[start:]
        self.send_response(206 if start else 200)
        if faults.tells_length:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", version)
        if start:
            first = start + faults.range_shift
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        cut = faults.cuts.pop(0) if faults.cuts else len(body)
        self.wfile.write(body[:cut])
        self.close_connection = cut < len(body) or not faults.tells_length

    def log_message(self, *args):
        pass


@contextmanager
def _running(faults):
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.faults = faults
    faults.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield faults
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server():
    """A server without files; a test puts some there, and faults."""
    with _running(FaultyServer()) as faults:
        yield faults
