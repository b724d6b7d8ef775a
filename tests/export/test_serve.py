"""The example service answers real requests under load, also while a new model comes."""
# SPDX-License-Identifier: BSD-3-Clause

import asyncio
import contextlib
import os
import runpy
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from skace.export import NumpyModel

for package in ("fastapi", "uvicorn", "httpx"):
    pytest.importorskip(package)

SERVE = Path(__file__).parents[2] / "examples" / "serve.py"
make_model = runpy.run_path(str(SERVE))["make_model"]
# Requests a second, and seconds. A quiet machine stands "200,30"; what runs beside other tests of
# an unknown machine is less, because what fails then is the client.
RATE, SECONDS = map(int, os.environ.get("SKACE_LOAD", "25,8").split(","))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def served(path):
    """Address of a service in a process of its own."""
    import httpx

    address = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, str(SERVE), str(path), "--port", str(port)]
    root = str(SERVE.parents[1])
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": root})
    try:
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{address}/health", timeout=5)
                break
            assert process.poll() is None, "the service has ended"
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait()


async def ask(client, begin, number, histories, found):
    """One request at its time; notes status, version and seconds."""
    await asyncio.sleep(max(0.0, begin + number / RATE - time.perf_counter()))
    sent = time.perf_counter()
    question = {"history": histories[number % len(histories)], "k": 5}
    answer = await client.post("/recommend", json=question)
    body = answer.json()
    found.append((answer.status_code, body.get("version"), time.perf_counter() - sent))
    assert len(body["items"]) == 5


async def load(address, path, histories):
    """Requests at a rate, with a new model after each third of the time."""
    import httpx

    found = []
    limits = httpx.Limits(max_connections=50)
    async with httpx.AsyncClient(base_url=address, limits=limits, timeout=120) as client:
        begin = time.perf_counter()
        asked = [
            asyncio.create_task(ask(client, begin, number, histories, found))
            for number in range(RATE * SECONDS)
        ]
        for seed in (1, 2):
            await asyncio.sleep(begin + seed * SECONDS / 3 - time.perf_counter())
            await asyncio.to_thread(make_model, path, seed)
            answer = await client.post("/reload")
            assert answer.json() == {"version": seed + 1}
        await asyncio.gather(*asked)
        return found


@pytest.mark.minutes
def test_no_request_is_dropped_under_load(tmp_path):
    path = make_model(tmp_path / "model.npz")
    ids = NumpyModel(path).item_ids.tolist()
    histories = [ids[first : first + 6] for first in range(0, 150, 7)]
    with served(path) as address:
        found = asyncio.run(load(address, path, histories))
    assert [status for status, _, _ in found] == [200] * (RATE * SECONDS)
    assert {version for _, version, _ in found} == {1, 2, 3}


def test_what_is_sold_out_is_left_out_and_the_list_stays_full(tmp_path):
    from fastapi.testclient import TestClient

    path = make_model(tmp_path / "model.npz")
    ids = NumpyModel(path).item_ids.tolist()
    client = TestClient(runpy.run_path(str(SERVE))["create_app"](path))

    def ask_for(**question):
        return client.post("/recommend", json={"history": ids[:3]} | question).json()

    long = ask_for(k=12)["items"]
    gone = [long[0], long[2], "never sold here"]
    answer = ask_for(k=10, sold_out=gone)
    assert answer["items"] == [item for item in long if item not in gone]
    assert len(answer["scores"]) == 10
    assert ask_for()["items"] == long[:10]
    assert ask_for(sold_out=ids)["items"] == []
    few = ask_for(k=1000, sold_out=ids[5:])["items"]
    assert set(few) <= set(ids[:5])


@pytest.mark.minutes
def test_bad_questions_are_answered_with_a_reason(tmp_path):
    import httpx

    path = make_model(tmp_path / "model.npz")
    ids = NumpyModel(path).item_ids.tolist()
    with served(path) as address:
        one = {"history": ids[:1]}
        for question in (one | {"k": 0}, {"k": 3}, {"history": "pen"}, one | {"exclude": ids[:1]}):
            assert httpx.post(f"{address}/recommend", json=question).status_code == 422
        assert httpx.post(f"{address}/recommend", json={"history": []}).status_code == 200
        assert httpx.get(f"{address}/health").json() == {"n_items": len(ids), "version": 1}
        path.write_bytes(b"cut")
        refused = httpx.post(f"{address}/reload")
        assert refused.status_code == 409
        assert "the old model goes on" in refused.json()["detail"]
        assert httpx.post(f"{address}/recommend", json=one).json()["version"] == 1
