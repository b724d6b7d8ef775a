"""The client of OpenAI-compatible servers, against one that fails, stalls and rate-limits."""
# SPDX-License-Identifier: BSD-3-Clause

import json
import re
import threading
import time
import traceback
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skace.embeddings import HttpModel, TextEncoder
from skace.embeddings.text.sources import _http as _http_encoder
from skace.embeddings.text.sources._http import HttpEncoder

KEY = "sk-very-secret"


@dataclass
class Server:
    """What the next requests get instead of vectors, and what they asked for."""

    faults: list = field(default_factory=list)
    bodies: list = field(default_factory=list)
    headers: list = field(default_factory=list)
    paths: list = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    url: str = ""


def _embed(texts):
    return [[float(len(text)), float(text.count("e")), 1.0] for text in texts]


def _answer(texts):
    data = [{"index": n, "embedding": vector} for n, vector in enumerate(_embed(texts))]
    return {"object": "list", "data": data[::-1], "model": "m"}


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        state = self.server.state
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        state.paths.append(self.path)
        state.bodies.append(body)
        state.headers.append(dict(self.headers))
        fault = state.faults.pop(0) if state.faults else {}
        if fault.get("stall"):
            state.released.wait(5)
            return
        if "drip" in fault:
            self._drip(fault)
            return
        answer = fault.get("answer", _answer(body["input"]))
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(fault.get("status", 200))
        for name, value in fault.get("headers", {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: fault.get("cut")])

    def _drip(self, fault):
        """Answer at once up to some point, and from there one byte every 20 ms."""
        head = b"HTTP/1.0 %d Slow\r\nContent-Length: 900\r\nX: " % fault.get("status", 200)
        whole = b"x" * 900 if fault["drip"] == "headers" else b"x\r\n\r\n" + b" " * 900
        try:
            self.wfile.write(head + whole[:5])
            for place in range(5, len(whole)):
                if self.server.state.released.wait(0.02):
                    return
                self.wfile.write(whole[place : place + 1])
        except OSError:  # the client has gone
            pass

    def do_GET(self):
        self.server.state.paths.append(self.path)
        self.send_error(405)

    def log_message(self, *args):
        pass


@contextmanager
def _running():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.state = Server(url=f"http://127.0.0.1:{server.server_port}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.state
    finally:
        server.state.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server():
    with _running() as state:
        yield state


@pytest.fixture
def pauses(monkeypatch):
    """Seconds that the client would have slept."""
    slept = []
    monkeypatch.setattr(_http_encoder.time, "sleep", slept.append)
    return slept


def _client(server, **changes):
    settings = {
        "revision": "",
        "prompt": None,
        "api_key_env": None,
        "n_retries": 3,
        "timeout": 5.0,
        "batch_size": 2,
    }
    return HttpEncoder(server.url, "m", **settings | changes)


def test_batches_come_back_in_the_order_of_the_texts(server):
    texts = ["one", "three", "eleven", "seven", "ee"]
    assert_array_equal(_client(server).encode(texts), np.array(_embed(texts), np.float32))
    assert [body["input"] for body in server.bodies] == [texts[:2], texts[2:4], texts[4:]]
    assert {body["model"] for body in server.bodies} == {"m"}
    assert set(server.paths) == {"/v1/embeddings"}


@pytest.mark.parametrize(
    ("end", "path", "told"),
    [
        ("", "/v1/embeddings", ""),
        ("/", "/v1/embeddings", ""),
        ("?api-version=2024", "/v1/embeddings?api-version=2024", "?api-version=2024"),
        ("/?a=1&b=2/", "/v1/embeddings?a=1&b=2/", "?a=1&b=2/"),
        ("/x?a=1#part", "/v1/x/embeddings?a=1", "/x?a=1"),
    ],
)
def test_the_address_may_end_with_a_slash_or_a_query(server, end, path, told):
    start = server.url
    server.url += end
    client = _client(server)
    client.encode(["a"])
    assert server.paths == [path]
    assert client.identity["encoder"] == f"{start}{told}"


def test_the_prompt_stands_before_each_text(server):
    _client(server, prompt="query: ").encode(["a", "b"])
    assert server.bodies[0]["input"] == ["query: a", "query: b"]


def test_the_key_is_sent_and_kept_nowhere(server, monkeypatch):
    monkeypatch.setenv("MY_KEY", KEY)
    client = _client(server, api_key_env="MY_KEY")
    client.encode(["a"])
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(vars(client))
    assert KEY not in repr(client.identity)


def test_without_a_name_for_the_key_none_is_sent(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    _client(server).encode(["a"])
    assert "Authorization" not in server.headers[0]


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_key_that_is_not_set_is_noticed_before_any_request(server, monkeypatch, value):
    if value is None:
        monkeypatch.delenv("MY_KEY", raising=False)
    else:
        monkeypatch.setenv("MY_KEY", value)
    expected = (
        r"^the environment variable 'MY_KEY' \(api_key_env\) is not set; set it to the key, or "
        r"pass api_key_env=None for a server that needs none\.$"
    )
    with pytest.raises(ValueError, match=expected):
        _client(server, api_key_env="MY_KEY")
    assert server.bodies == []


PASSING = [
    {"status": 429},
    {"status": 500, "answer": b"oops"},
    {"status": 503},
    {"cut": 20},
    {"cut": 0},
    {"answer": b"<html>gateway</html>"},
]


@pytest.mark.parametrize("fault", PASSING, ids=str)
def test_failures_that_may_pass_are_tried_again(server, pauses, fault):
    server.faults = [fault, fault]
    assert_array_equal(_client(server).encode(["three"]), [[5, 2, 1]])
    assert len(server.bodies) == 3
    assert len(pauses) == 2


def test_pauses_grow_and_differ(server, pauses):
    server.faults = [{"status": 503}] * 8
    _client(server, n_retries=8).encode(["a"])
    limits = [1, 2, 4, 8, 16, 32, 64, 120]
    assert all(limit / 2 <= pause <= limit for limit, pause in zip(limits, pauses, strict=True))
    assert len({pause / limit for limit, pause in zip(limits, pauses, strict=True)}) == 8


@pytest.mark.parametrize(
    ("value", "pause"),
    [("7", 7), ("100000", 120)],
)
def test_the_server_may_say_how_long_to_wait(server, pauses, value, pause):
    server.faults = [{"status": 429, "headers": {"Retry-After": value}}]
    _client(server).encode(["a"])
    assert pauses == [pause]


@pytest.mark.parametrize("value", [" 0 ", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_server_that_says_now_is_not_asked_in_a_loop(server, pauses, value):
    server.faults = [{"status": 429, "headers": {"Retry-After": value}}] * 4
    _client(server, n_retries=4).encode(["a"])
    limits = [1, 2, 4, 8]
    assert all(limit / 2 <= pause <= limit for limit, pause in zip(limits, pauses, strict=True))


def test_the_server_may_name_the_moment(server, pauses):
    moment = format_datetime(datetime.now(tz=UTC) + timedelta(seconds=30), usegmt=True)
    server.faults = [{"status": 503, "headers": {"Retry-After": moment}}]
    _client(server).encode(["a"])
    assert 25 < pauses[0] <= 30


def test_a_pause_that_makes_no_sense_is_not_heeded(server, pauses):
    server.faults = [{"status": 429, "headers": {"Retry-After": "soon"}}]
    _client(server).encode(["a"])
    assert 0.5 <= pauses[0] <= 1


def test_a_server_that_stalls_is_given_up_and_asked_again(server, pauses):
    server.faults = [{"stall": True}]
    assert _client(server, timeout=0.2).encode(["a"]).shape == (1, 3)
    assert len(pauses) == 1


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"drip": "body"}, r"TimeoutError: no whole answer within timeout=0\.3 s"),
        ({"drip": "headers"}, r"TimeoutError: no whole answer within timeout=0\.3 s"),
        ({"drip": "body", "status": 503}, r"HTTP status 503, Slow"),
    ],
)
def test_a_server_that_drips_is_given_up_when_the_time_is_over(server, fault, told):
    server.faults = [fault]
    client = _client(server, timeout=0.3, n_retries=0)
    start = time.monotonic()
    with pytest.raises(OSError, match=rf"in 1 tries: {told}\. Those"):
        client.encode(["a"])
    assert time.monotonic() - start < 2  # the whole answer takes 18 s


@pytest.mark.parametrize(
    ("url", "warns"),
    [
        ("http://api.example/v1", True),
        ("http://10.0.0.7:8000/v1", True),
        ("http://localhost.example/v1", True),
        ("https://api.example/v1", False),
        ("http://localhost:8000/v1", False),
        ("http://127.0.0.5/v1", False),
        ("http://[::1]:80/v1", False),
        ("http://models.localhost/v1", False),
    ],
)
@pytest.mark.parametrize("key", [KEY, None])
def test_a_key_that_others_could_read_on_the_way_is_warned_of(monkeypatch, url, warns, key):
    monkeypatch.setenv("MY_KEY", KEY)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _client(Server(url=url), api_key_env=key and "MY_KEY")
    assert len(caught) == (warns and key is not None)
    for warning in caught:
        assert warning.category is UserWarning
        assert re.fullmatch(
            rf"base_url='{re.escape(url)}' is not encrypted: whoever is on the way to \S+ can read "
            r"the key in 'MY_KEY' \(api_key_env\) and all texts\. Use an https address, or "
            r"api_key_env=None if the server needs no key\.",
            str(warning.message),
        )


def test_retries_come_to_an_end_and_the_last_words_are_told(server, pauses):
    server.faults = [{"status": 429, "answer": b"too\n  many"}] * 9
    expected = (
        rf"^{re.escape(server.url)}/embeddings gave no vectors in 3 tries: HTTP status 429, "
        r"too many\. Those that came before are kept in the cache, if there is one: call again to "
        r"go on\.$"
    )
    with pytest.raises(OSError, match=expected):
        _client(server, n_retries=2).encode(["a"])
    assert len(pauses) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
def test_failures_that_will_not_pass_are_told_at_once(server, pauses, status):
    server.faults = [{"status": status, "answer": b""}]
    with pytest.raises(OSError, match=rf"in 1 tries: HTTP status {status}, \w"):
        _client(server).encode(["a"])
    assert pauses == []


def test_a_server_that_repeats_the_key_does_not_get_it_into_the_error(server, monkeypatch):
    monkeypatch.setenv("MY_KEY", KEY)
    server.faults = [{"status": 401, "answer": f"bad key {KEY}".encode()}]
    with pytest.raises(OSError, match=r"bad key \*\*\*") as caught:
        _client(server, api_key_env="MY_KEY").encode(["a"])
    assert KEY not in str(caught.value)


ECHOES = {
    "as a number": {"answer": {"data": [{"index": KEY, "embedding": [1.0]}]}},
    "in a vector": {"answer": {"data": [{"index": 0, "embedding": [KEY]}]}},
    "as the name of a field": {"answer": {KEY: 1}},
    "in the reason": {"status": 401, "answer": b""},
    "at the end of what is read": {"status": 401, "answer": b" " * 2993 + KEY.encode()},
    "escaped": {"status": 401, "answer": b'{"key": "sk-very-secret"}'},
}


@pytest.mark.parametrize("echo", ECHOES)
def test_no_error_and_no_cause_of_one_shows_the_key(server, monkeypatch, echo):
    monkeypatch.setenv("MY_KEY", KEY)
    server.faults = [ECHOES[echo]] * 4
    with pytest.raises((OSError, ValueError)) as caught:
        _client(server, api_key_env="MY_KEY").encode(["a"])
    told = "".join(traceback.format_exception(caught.value))
    assert KEY not in told
    assert KEY[:7] not in str(caught.value)


@pytest.mark.parametrize("key", ["sk-one\nX-Other: 1", "sk one", "sk-\x07", "sk-\u00e9"])
def test_a_key_that_no_header_could_hold_is_refused_unseen(server, monkeypatch, key):
    monkeypatch.setenv("MY_KEY", key)
    expected = r"^the key in the environment variable 'MY_KEY' \(api_key_env\) holds a space, a lin"
    with pytest.raises(ValueError, match=expected) as caught:
        _client(server, api_key_env="MY_KEY")
    assert "sk" not in str(caught.value)
    assert server.bodies == []


def test_a_line_break_at_the_end_of_a_key_does_no_harm(server, monkeypatch):
    monkeypatch.setenv("MY_KEY", f"{KEY}\n")
    _client(server, api_key_env="MY_KEY").encode(["a"])
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"


def test_what_is_for_this_machine_passes_no_proxy(server, monkeypatch):
    monkeypatch.setenv("MY_KEY", KEY)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with _running() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        _client(server, api_key_env="MY_KEY").encode(["a"])
        assert proxy.paths == []
    assert server.paths == ["/v1/embeddings"]


def test_an_answer_is_read_up_to_a_bound(server):
    server.faults = [{"answer": b" " * (2**20 + 2**19 + 1)}]
    with pytest.raises(OSError, match=r"in 1 tries: an answer of more than 1572864 bytes\. Those"):
        _client(server).encode(["a"])


def test_wide_vectors_fit_into_an_answer(server):
    vector = [-1.2345678901234567e-89] * 16384
    server.faults = [{"answer": {"data": [{"index": 0, "embedding": vector}]}}]
    assert _client(server).encode(["a"]).shape == (1, 16384)


def test_answers_of_two_widths_are_refused(server):
    server.faults = [{}, {"answer": {"data": [_entry(0)]}}]
    expected = r"returned vectors of 2 numbers in one answer and of 3 in another; nothing of it was"
    with pytest.raises(ValueError, match=expected):
        _client(server, batch_size=1).encode(["a", "b"])


@pytest.mark.parametrize("login", [":pw", "me:pw", "pw"])
def test_a_password_in_an_address_is_refused_unseen(login):
    with pytest.raises(ValueError, match=r"got 'http://\*\*\*@host/v1'\. The key of a") as caught:
        _client(Server(url=f"http://{login}@host/v1"))
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/x", "file:///etc/passwd"])
def test_no_other_scheme_is_followed(server, location):
    server.faults = [{"status": 302, "headers": {"Location": location}}]
    with pytest.raises(OSError, match="HTTP status 302"):
        _client(server).encode(["a"])


@pytest.mark.parametrize("cached", [False, True])
def test_a_width_that_changed_spoils_one_call_only(server, tmp_path, cached):
    encoder = _encoder(server, tmp_path, revision=str(tmp_path))
    encoder.set_params(cache=encoder.cache if cached else None)
    encoder.fit(["one", "three"])
    server.faults = [{"answer": {"data": [_entry(0)]}}]
    with pytest.raises(ValueError, match=r"vectors of 2 numbers, but .* have 3\."):
        encoder.transform(["new"])
    assert_allclose(encoder.transform(["three", "one"]), [[5, 2, 1], [3, 1, 1]])
    assert_allclose(encoder.fit(["new"]).transform(["new"]), [[3, 1, 1]])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_texts_and_key_are_not_carried_to_another_address(server, monkeypatch, status):
    monkeypatch.setenv("MY_KEY", KEY)
    with _running() as other:
        server.faults = [{"status": status, "headers": {"Location": f"{other.url}/embeddings"}}]
        with pytest.raises(OSError, match=f"HTTP status {status}"):
            _client(server, api_key_env="MY_KEY").encode(["a"])
        assert other.paths == []


def test_a_server_that_is_not_there_is_an_error_with_its_address(pauses):
    client = _client(Server(url="http://127.0.0.1:9/v1"), n_retries=1)
    with pytest.raises(OSError, match=r"^http://127\.0\.0\.1:9/v1/embeddings gave no vectors in 2"):
        client.encode(["a"])
    assert len(pauses) == 1


def _entry(index, vector=(1.0, 2.0)):
    return {"index": index, "embedding": list(vector)}


@pytest.mark.parametrize(
    ("answer", "finding"),
    [
        ({"data": [_entry(0)]}, "did not answer in the form of the OpenAI API"),
        ({"data": [_entry(0), _entry(0)]}, "did not answer in the form"),
        ({"data": [_entry(0), _entry(1, (1.0,))]}, "did not answer in the form"),
        ({"data": [_entry(0), _entry(1, ("x", "y"))]}, "did not answer in the form"),
        ({"data": [_entry(0), _entry(1), _entry(2)]}, r"returned 3 vectors of shape \(2,\) for 2"),
        (
            {"data": [{"index": n, "embedding": 1.0} for n in (0, 1)]},
            r"returned 2 vectors of shape",
        ),
        ({"error": "no"}, "did not answer in the form"),
        ([1], "did not answer in the form"),
        ({"data": None}, "did not answer in the form"),
    ],
)
def test_answers_of_another_form_are_refused(server, answer, finding):
    server.faults = [{"answer": answer}]
    with pytest.raises(ValueError, match=finding):
        _client(server).encode(["a", "b"])


@pytest.mark.parametrize(
    "url", ["file:///etc", "ftp://host/v1", "host/v1", "http://", "https://me:pw@host/v1"]
)
def test_other_addresses_are_refused(url):
    with pytest.raises(
        ValueError, match=r"^base_url must be an http or https address without user"
    ):
        _client(Server(url=url))


# Through TextEncoder.


def _encoder(server, tmp_path, **changes):
    model = HttpModel("m", server.url, n_retries=0).set_params(**changes)
    return TextEncoder(model, cache=tmp_path / "cache", batch_size=2, normalize=False)


def test_an_encoder_asks_the_server_and_says_so(server, tmp_path):
    encoder = _encoder(server, tmp_path, revision="2026-01").fit(["one", "three"])
    assert_allclose(encoder.transform(["three", "one"]), [[5, 2, 1], [3, 1, 1]])
    facts = {"encoder": server.url, "model": "m", "revision": "2026-01"}
    assert facts.items() <= encoder.provenance_.items()


def test_vectors_that_came_before_a_failure_are_not_asked_for_again(server, tmp_path):
    texts = [f"text {n}" for n in range(7)]
    server.faults = [{}, {}, {"status": 400}]
    with pytest.raises(OSError, match="HTTP status 400"):
        _encoder(server, tmp_path).fit(texts)
    encoder = _encoder(server, tmp_path).fit(texts)
    assert encoder.n_encoded_ == 3
    asked = [text for body in server.bodies[:2] + server.bodies[3:] for text in body["input"]]
    assert asked == texts


@pytest.mark.parametrize(
    ("change", "n_new"),
    [
        ({"encoder__revision": "2"}, 1),
        ({"prompt": "q: "}, 1),
        ({"encoder__base_url": "{url}/"}, 0),
        ({"encoder__model": "n"}, 1),
    ],
)
def test_what_a_vector_depends_on_is_never_mixed_up(server, tmp_path, change, n_new):
    _encoder(server, tmp_path).fit(["a"])
    change = {name: value.format(url=server.url) for name, value in change.items()}
    again = _encoder(server, tmp_path).set_params(**change).fit(["a"])
    assert again.n_encoded_ == n_new
