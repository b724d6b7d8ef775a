"""Where and how to compute: device, precision, private random numbers."""
# SPDX-License-Identifier: BSD-3-Clause

import os
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

__all__ = [
    "autocast",
    "private_generator",
    "reseed",
    "resolve_device",
    "resolve_precision",
    "training_precision",
]

# Processors with an instruction for products of bfloat16.
_FAST_BFLOAT16 = ("avx512_bf16", "amx_bf16")

# torch's dropout draws from the global generator, so trainings take turns.
_training_lock = threading.RLock()


def _renew_in_child() -> None:
    """Let a forked child go on without what only its parent has.

    Nobody there would release the parent's lock; and a product on several threads would wait for
    threads that stayed behind, for ever.
    """
    global _training_lock  # noqa: PLW0603
    _training_lock = threading.RLock()
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_in_child)


def resolve_device(device: str, *, fallback: bool = False) -> torch.device:
    """Device for a name.

    Parameters
    ----------
    device : str
        "auto" is CUDA where torch sees it, else the CPU.
    fallback : bool, default=False
        Whether a fitted model whose device is absent answers on the CPU, with a warning,
        instead of raising.
    """
    if device == "auto":
        if not torch.cuda.is_available():
            return torch.device("cpu")
        # torchrun numbers its processes; those that see one GPU each all take that one.
        local_rank = os.environ.get("LOCAL_RANK")
        if local_rank is None:
            return torch.device("cuda")
        return torch.device("cuda", int(local_rank) % torch.cuda.device_count())
    try:
        wanted = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"device={device!r} is not known to torch; use 'auto', 'cpu', 'cuda' or 'cuda:0'."
        ) from error
    if wanted.type not in ("cpu", "cuda"):
        raise ValueError(
            f"device={device!r} is not supported; use 'auto', 'cpu', 'cuda' or 'cuda:0'."
        )
    n_cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted.type == "cuda" and (wanted.index or 0) >= n_cuda:
        text = f"device={device!r} asks for CUDA, but torch sees {n_cuda} CUDA device(s)"
        if not fallback:
            raise ValueError(f"{text}; use device='auto' or device='cpu'.")
        warnings.warn(f"{text}; computing on the CPU.", UserWarning, stacklevel=2)
        return torch.device("cpu")
    return wanted


def resolve_precision(precision: str, device: torch.device) -> torch.dtype:
    """Type of weights that are read, and of products of text models; "auto" asks CUDA only."""
    if precision == "auto":
        is_fast = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if is_fast else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]


def training_precision(precision: str, device: torch.device) -> torch.dtype:
    """Type of the products of a network in training; "auto" is bfloat16 where that is fast."""
    if precision == "auto" and device.type == "cpu":
        # torch before 2.11 tells nothing of the processor.
        known: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
        precision = "bfloat16" if any(known.get(name) for name in _FAST_BFLOAT16) else "float32"
    return resolve_precision(precision, device)


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Context in which products are computed in ``dtype``."""
    return torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32)


@contextmanager
def private_generator(seed: int, device: torch.device) -> Iterator[torch.Generator]:
    """Seed torch's generators for the block, then put the caller's state back.

    Neither the caller's default type nor a `torch.no_grad` around reach into it.
    """
    cuda = [device] if device.type == "cuda" else []
    with _training_lock, torch.random.fork_rng(devices=cuda), torch.enable_grad(), _float32():
        reseed(seed, device)
        yield torch.Generator().manual_seed(seed)


@contextmanager
def _float32() -> Iterator[None]:
    """Make float32 the default type for the block."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def reseed(seed: int, device: torch.device) -> None:
    """Seed the generators that training on a device draws from, and no others."""
    # torch.manual_seed would also seed the GPUs that are not ours.
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
