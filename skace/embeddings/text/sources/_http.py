"""HttpEncoder: vectors from an OpenAI-compatible server."""
# SPDX-License-Identifier: BSD-3-Clause

import http.client
import ipaddress
import json
import os
import random
import time
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.error import HTTPError
from urllib.parse import SplitResult, quote, urlsplit
from urllib.request import (
    HTTPRedirectHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

import numpy as np
import numpy.typing as npt

from skace.embeddings.text.sources._http_deadline import DeadlineHandler, SecureDeadlineHandler

__all__ = ["HttpEncoder"]

_RETRIED_STATUS = (408, 409, 425, 429, 500, 502, 503, 504)
_FIRST_PAUSE = 1.0  # seconds; doubled each time
_LONGEST_PAUSE = 120.0
_SHOWN = 300  # characters of what a server says
_TEXT_BYTES, _SPARE_BYTES = 2**19, 2**20  # of an answer, for each text and for what is around them


class _NoRedirect(HTTPRedirectHandler):
    """Follows nothing: another address must not get the key and the texts."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a request failed."""

    text: str
    may_pass: bool
    pause: float | None = None  # seconds that the server asks for


class HttpEncoder:
    """Client of one model behind ``<base_url>/embeddings``.

    Parameters
    ----------
    base_url : str
        Address of the API, such as ``https://api.openai.com/v1``; a query stays at its end.
    model : str
        Name of the model there.
    revision : str
        What the caller calls the present version of the model.
    prompt : str or None
        Put before each text.
    api_key_env : str or None
        Name of the environment variable that holds the key. Its value is read for each
        request and kept nowhere.
    n_retries : int
        How often a request is tried again.
    timeout : float
        Seconds without a whole answer before a request counts as failed.
    batch_size : int
        Texts per request.
    """

    batches_at_once = 1  # an answer is paid for, so that it is stored before the next request
    pooling = None  # the API does not tell

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        revision: str,
        prompt: str | None,
        api_key_env: str | None,
        n_retries: int,
        timeout: float,
        batch_size: int,
    ) -> None:
        address = _address(base_url)
        self._url = address._replace(path=f"{address.path}/embeddings").geturl()
        self._model = model
        self._prompt = prompt
        self._api_key_env = api_key_env
        self._n_retries = n_retries
        self._timeout = timeout
        self._batch_size = batch_size
        # What is for this machine must not pass a proxy, which the environment may name.
        proxies = [ProxyHandler({})] if _is_this_machine(address.hostname or "") else []
        self._opener: OpenerDirector = build_opener(
            _NoRedirect, DeadlineHandler, SecureDeadlineHandler, *proxies
        )
        self._random = random.Random()
        if self._key() is not None:  # before any work
            _warn_of_readers(address, str(api_key_env))
        self.identity = {
            "encoder": address.geturl(),
            "model": model,
            "revision": revision,
            "prompt": json.dumps(prompt),
        }

    def encode(self, texts: list[str]) -> npt.NDArray[np.float32]:
        """Vectors of shape (n_texts, d), in the order of the texts."""
        parts = [
            self._request(texts[start : start + self._batch_size])
            for start in range(0, len(texts), self._batch_size)
        ]
        widths = sorted({part.shape[1] for part in parts})
        if len(widths) > 1:
            raise ValueError(
                f"{self._url} returned vectors of {widths[0]} numbers in one answer and of "
                f"{widths[-1]} in another; nothing of it was kept. Ask its operator which model "
                "answers, and call again."
            )
        return np.concatenate(parts)

    def _key(self) -> str | None:
        """The key, if one is needed."""
        if self._api_key_env is None:
            return None
        key = os.environ.get(self._api_key_env, "").strip()
        if not key:
            raise ValueError(
                f"the environment variable {self._api_key_env!r} (api_key_env) is not set; set it "
                "to the key, or pass api_key_env=None for a server that needs none."
            )
        # A header would end at a line break, and an error of the connection would show all of it.
        if not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError(
                f"the key in the environment variable {self._api_key_env!r} (api_key_env) holds a "
                "space, a line break or a letter that is not ASCII, which no key does; set it "
                "again, to one key on one line."
            )
        return key

    def _request(self, texts: list[str]) -> npt.NDArray[np.float32]:
        """Vectors of one batch."""
        inputs = [f"{self._prompt}{text}" for text in texts] if self._prompt else texts
        body = json.dumps({"model": self._model, "input": inputs}).encode()
        for attempt in range(self._n_retries + 1):
            answer = self._send(body, _SPARE_BYTES + len(texts) * _TEXT_BYTES)
            if not isinstance(answer, _Failure):
                return self._vectors_of(answer, len(texts))
            if not answer.may_pass or attempt == self._n_retries:
                break
            time.sleep(self._pause(attempt, answer.pause))
        raise OSError(
            f"{self._url} gave no vectors in {attempt + 1} tries: {answer.text}. Those that came "
            "before are kept in the cache, if there is one: call again to go on."
        )

    def _pause(self, attempt: int, asked_for: float | None) -> float:
        """Seconds to wait: longer and longer, never in step, and what the server says at least."""
        # Of its own generator, so that nobody's random numbers change.
        own = min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE) * self._random.uniform(0.5, 1.0)
        return max(own, min(asked_for or 0.0, _LONGEST_PAUSE))

    def _send(self, body: bytes, max_bytes: int) -> Any:
        """Answer to one request, or why there is none."""
        request = Request(self._url, data=body, headers={"Content-Type": "application/json"})
        key = self._key()
        if key is not None:
            request.add_unredirected_header("Authorization", f"Bearer {key}")
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                content = response.read(max_bytes + 1)
            if len(content) > max_bytes:
                return _Failure(f"an answer of more than {max_bytes} bytes", may_pass=False)
            return json.loads(content)
        except HTTPError as error:
            with error:
                said = _said(error, key)
            pause = _asked_pause(error.headers)
            return _Failure(
                f"HTTP status {error.code}, {said}", error.code in _RETRIED_STATUS, pause
            )
        except (OSError, http.client.HTTPException) as error:
            return _Failure(_masked(f"{type(error).__name__}: {error}", key), may_pass=True)
        except (ValueError, RecursionError) as error:
            said = _masked(str(error), key)
            return _Failure(f"an answer that is not JSON ({said})", may_pass=True)

    def _vectors_of(self, answer: Any, n_texts: int) -> npt.NDArray[np.float32]:
        """Vectors of an answer, in the order of the texts."""
        try:
            entries = {int(entry["index"]): entry["embedding"] for entry in answer["data"]}
            vectors = np.array([entries[place] for place in range(n_texts)], dtype=np.float32)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            said = _masked(repr(error), self._key())
            # Without the cause, which may quote what must not be shown.
            raise ValueError(
                f"{self._url} did not answer in the form of the OpenAI API ({said[:_SHOWN]}): "
                "{'data': [{'index': 0, 'embedding': [...]}, ...]} with one entry per text."
            ) from None
        if vectors.ndim != 2 or len(entries) != n_texts:
            raise ValueError(
                f"{self._url} returned {len(entries)} vectors of shape {vectors.shape[1:]} for "
                f"{n_texts} texts; expected one vector per text, all of one length."
            )
        return vectors


def _address(base_url: str) -> SplitResult:
    """Parts of an address; the path ends without a slash."""
    parts = urlsplit(base_url)
    has_login = "@" in parts.netloc
    if parts.scheme not in ("http", "https") or not parts.hostname or has_login:
        # A password is not to stand in an error.
        host = parts.netloc.rpartition("@")[2]
        got = parts._replace(netloc=f"***@{host}").geturl() if has_login else base_url
        raise ValueError(
            "base_url must be an http or https address without user name and password, such as "
            f"'https://api.openai.com/v1'; got {got!r}. The key of a server goes into an "
            "environment variable, named by api_key_env."
        )
    return parts._replace(path=parts.path.rstrip("/"), fragment="")


def _warn_of_readers(address: SplitResult, api_key_env: str) -> None:
    """Warn if the key would go over a network as it is."""
    host = address.hostname or ""
    if address.scheme == "https" or _is_this_machine(host):
        return
    warnings.warn(
        f"base_url={address.geturl()!r} is not encrypted: whoever is on the way to {host} can "
        f"read the key in {api_key_env!r} (api_key_env) and all texts. Use an https address, or "
        "api_key_env=None if the server needs no key.",
        UserWarning,
        stacklevel=2,
    )


def _is_this_machine(host: str) -> bool:
    """Whether what is sent to a host never leaves this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def _said(error: HTTPError, key: str | None) -> str:
    """What the server said, without the key should it repeat that."""
    limit = 10 * _SHOWN
    try:
        content = error.read(limit)
    except (OSError, http.client.HTTPException):
        content = b""
    said = _masked(content.decode("utf-8", "replace"), key)
    if key and len(content) == limit:  # the end may be the beginning of the key
        said = said[: -len(key)]
    return (" ".join(said.split()) or _masked(str(error.reason), key))[:_SHOWN]


def _masked(text: str, key: str | None) -> str:
    """Text without the key, whichever way it is written."""
    for way in {key, json.dumps(key)[1:-1], quote(key, safe="")} if key else ():
        text = text.replace(way, "***")
    return text


def _asked_pause(headers: Message) -> float | None:
    """Seconds of a Retry-After header, which holds a number or a date."""
    value = headers.get("Retry-After")
    if value is None:
        return None
    try:
        if value.strip().isdigit():
            return float(value)
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(tz=UTC)).total_seconds())
