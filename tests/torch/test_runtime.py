"""Devices, precision, and random numbers that are nobody else's."""
# SPDX-License-Identifier: BSD-3-Clause

import os
import pickle
import re
import subprocess
import sys
import textwrap
import threading
from contextlib import suppress

import numpy as np
import pytest
import torch
from sklearn.base import clone

from skace import GRU4RecEstimator, SASRecEstimator
from skace._torch._runtime import (
    autocast,
    private_generator,
    resolve_device,
    resolve_precision,
    training_precision,
)
from skace.datasets import make_cycle

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def gpus(monkeypatch):
    """Let torch report a number of CUDA devices."""

    def report(n_devices, *, has_bf16=True):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: n_devices > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: n_devices)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: has_bf16)

    return report


@pytest.mark.parametrize(
    ("name", "n_gpus", "expected"),
    [
        ("auto", 0, "cpu"),
        ("auto", 1, "cuda"),
        ("cpu", 1, "cpu"),
        ("cuda", 1, "cuda"),
        ("cuda:1", 2, "cuda:1"),
    ],
)
def test_device_is_the_one_asked_for(gpus, name, n_gpus, expected):
    gpus(n_gpus)
    assert resolve_device(name) == torch.device(expected)


@pytest.mark.parametrize(
    ("rank", "n_gpus", "expected"), [("0", 2, "cuda:0"), ("3", 4, "cuda:3"), ("3", 1, "cuda:0")]
)
def test_processes_of_torchrun_take_a_gpu_each(gpus, monkeypatch, rank, n_gpus, expected):
    gpus(n_gpus)
    monkeypatch.setenv("LOCAL_RANK", rank)
    assert resolve_device("auto") == torch.device(expected)
    gpus(0)
    assert resolve_device("auto") == CPU


@pytest.mark.parametrize(("name", "n_gpus"), [("cuda", 0), ("cuda:0", 0), ("cuda:1", 1)])
def test_cuda_that_is_not_there_is_refused(gpus, name, n_gpus):
    gpus(n_gpus)
    text = (
        f"device='{name}' asks for CUDA, but torch sees {n_gpus} CUDA device(s); use "
        "device='auto' or device='cpu'."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        resolve_device(name)


def test_a_fitted_model_without_its_device_falls_back_with_a_warning(gpus):
    gpus(0)
    text = "device='cuda' asks for CUDA, but torch sees 0 CUDA device(s); computing on the CPU."
    with pytest.warns(UserWarning, match=f"^{re.escape(text)}$"):
        assert resolve_device("cuda", fallback=True) == CPU


def test_unknown_device_is_refused():
    text = "device='gpu' is not known to torch; use 'auto', 'cpu', 'cuda' or 'cuda:0'."
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        resolve_device("gpu")


@pytest.mark.parametrize(
    ("precision", "device", "has_bf16", "expected"),
    [
        ("auto", CPU, True, torch.float32),
        ("auto", CUDA, True, torch.bfloat16),
        ("auto", CUDA, False, torch.float32),
        ("float32", CUDA, True, torch.float32),
        ("bfloat16", CPU, False, torch.bfloat16),
    ],
)
def test_precision_is_the_one_asked_for(gpus, precision, device, has_bf16, expected):
    gpus(1, has_bf16=has_bf16)
    assert resolve_precision(precision, device) == expected


@pytest.mark.parametrize(
    ("precision", "known", "expected"),
    [
        ("auto", {"avx512_bf16": True}, torch.bfloat16),
        ("auto", {"amx_bf16": True, "avx512_bf16": False}, torch.bfloat16),
        ("auto", {"avx512_bf16": False, "avx2": True}, torch.float32),
        ("auto", {}, torch.float32),
        ("auto", None, torch.float32),  # an older torch
        ("float32", {"avx512_bf16": True}, torch.float32),
        ("bfloat16", {}, torch.bfloat16),
    ],
)
def test_networks_learn_in_bfloat16_where_a_processor_multiplies_it(
    monkeypatch, precision, known, expected
):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    if known is not None:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known, raising=False)
    assert training_precision(precision, CPU) == expected


@pytest.mark.parametrize("has_bf16", [True, False])
def test_on_a_gpu_the_processor_does_not_count(gpus, monkeypatch, has_bf16):
    gpus(1, has_bf16=has_bf16)
    unlike = {"avx512_bf16": not has_bf16}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: unlike, raising=False)
    expected = torch.bfloat16 if has_bf16 else torch.float32
    assert training_precision("auto", CUDA) == expected


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_products_are_computed_in_the_precision(dtype):
    x = torch.ones(2, 2)
    with autocast(CPU, dtype):
        assert (x @ x).dtype == dtype
    assert (x @ x).dtype == torch.float32


def test_the_same_seed_gives_the_same_numbers_from_both_sources():
    drawn = []
    for seed in (5, 5, 6):
        with private_generator(seed, CPU) as generator:
            drawn.append(torch.cat([torch.rand(3), torch.rand(3, generator=generator)]))
    assert torch.equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).all()


@pytest.mark.parametrize("size", [5, -1], ids=["success", "error"])
def test_the_callers_generator_goes_on_where_it_was(size):
    before = torch.get_rng_state()
    with suppress(RuntimeError), private_generator(0, CPU):
        torch.rand(1)
        torch.rand(size)
    assert torch.equal(torch.get_rng_state(), before)


def test_training_on_the_cpu_does_not_seed_the_gpus(monkeypatch):
    seeds = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeds.append)
    monkeypatch.setattr(torch.cuda, "manual_seed", seeds.append)
    with private_generator(3, CPU):
        torch.rand(1)
    assert seeds == []


def test_trainings_in_threads_take_turns():
    drawn = {}

    def draw(seed):
        with private_generator(seed, CPU):
            drawn.setdefault(seed, []).append(torch.cat([torch.rand(1) for _ in range(200)]))

    threads = [threading.Thread(target=draw, args=(seed,)) for seed in (1, 2, 1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in drawn.values():
        assert torch.equal(one, other)
    assert not torch.equal(drawn[1][0], drawn[2][0])


@pytest.mark.cuda
def test_the_callers_cuda_generator_goes_on_where_it_was():
    torch.rand(1, device="cuda")
    before = torch.cuda.get_rng_state()
    with private_generator(0, CUDA):
        one = torch.rand(3, device="cuda")
    assert torch.equal(torch.cuda.get_rng_state(), before)
    with private_generator(0, CUDA):
        assert torch.equal(torch.rand(3, device="cuda"), one)
    with private_generator(0, CPU):
        torch.rand(1)
    assert torch.equal(torch.cuda.get_rng_state(), before)


def test_settings_of_the_caller_do_not_reach_into_a_fit():
    X = make_cycle(n_users=20, n_items=6, length=6, n_features=8, random_state=0)
    model = GRU4RecEstimator(k=1, max_epochs=1, early_stopping=False, random_state=0)
    expected = clone(model).fit(X).item_vectors_
    try:
        torch.set_default_dtype(torch.float64)
        found = clone(model).fit(X)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert {value.dtype for value in found.encoder_state_.values()} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(found.item_vectors_, expected)
    with torch.no_grad():
        np.testing.assert_array_equal(clone(model).fit(X).item_vectors_, expected)
        assert not torch.is_grad_enabled()


FORKED = """
    import multiprocessing, pickle, sys
    import torch
    torch.set_num_threads(int(sys.argv[1]))
    torch.ones(600, 600) @ torch.ones(600, 600)
    with open(sys.argv[2], "rb") as file:
        model = pickle.load(file)
    queries = [[1, 2]] * 300
    def work(_):
        return model.predict(queries).tolist(), torch.get_num_threads()
    expected = model.predict(queries).tolist()
    with multiprocessing.get_context("fork").Pool(1) as pool:
        found, n_threads = pool.apply_async(work, (0,)).get(timeout=300)
    assert found == expected, "another answer"
    print("answered with", n_threads)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
@pytest.mark.parametrize(
    "n_threads", [2, *(pytest.param(n, marks=pytest.mark.minutes) for n in (1, 4))]
)
def test_a_forked_worker_answers_whatever_the_number_of_threads(n_threads, tmp_path):
    model = SASRecEstimator(
        k=2, max_epochs=1, embedding_dim=8, n_layers=1, early_stopping=False, random_state=0
    ).fit([[1, 2, 3, 4]] * 20)
    file = tmp_path / "model.pickle"
    file.write_bytes(pickle.dumps(model))
    words = ["-W", "ignore", "-c", textwrap.dedent(FORKED), str(n_threads), str(file)]
    run = subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout == "answered with 1\n", run.stderr
