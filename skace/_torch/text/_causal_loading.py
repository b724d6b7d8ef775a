"""Causal language models of transformers: loaded, and refused where they would not do."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import Any

import torch

from skace._torch._pretrained import load_pretrained
from skace._torch._runtime import resolve_device, resolve_precision
from skace._torch.text._causal_model import CausalModel

__all__ = ["load_causal_model"]

# By how much of the largest number two ways to one result may differ.
_TOLERANCES = {torch.float32: 1e-4, torch.bfloat16: 0.02}
_INSTEAD = "; pass a decoder-only model, such as a Llama, Qwen, Gemma or GPT-2, as model."


def load_causal_model(
    model: str,
    *,
    revision: str | None,
    gguf_file: str | None,
    device: str,
    precision: str,
    prompt: str | None,
    n_tokens: int,
) -> CausalModel:
    """Load weights from a folder or the Hugging Face Hub.

    Parameters
    ----------
    model : str
        Folder or name. Code of the model's authors is never run.
    revision : str or None
        Commit, for a name.
    gguf_file : str or None
        File of weights there in the format of llama.cpp.
    device : str
        "auto", "cpu", "cuda" or "cuda:0".
    precision : {"float32", "bfloat16"}
        Type of the weights.
    prompt : str or None
        What it reads before a vector.
    n_tokens : int
        Most tokens of a text.

    Raises
    ------
    ImportError
        If there is a ``gguf_file`` and gguf is not installed.

    OSError
        If there is no such model, it cannot be downloaded, or its files lack weights.

    ValueError
        If it is no causal language model, cannot read vectors or so many tokens.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    target = resolve_device(device, fallback=True)
    options = {"revision": revision, "trust_remote_code": False}
    if gguf_file is not None:
        _require_gguf()
        options["gguf_file"] = gguf_file
    try:
        tokenizer = AutoTokenizer.from_pretrained(model, **options)
        network = load_pretrained(AutoModelForCausalLM, model, **options)
    except (AttributeError, OSError, ValueError) as error:  # the first: transformers 4, no files
        where = f"model={model!r} (revision {revision or 'latest'})"
        raise OSError(f"{where} could not be loaded as a causal language model: {error}") from error
    network = network.to(device=target, dtype=resolve_precision(precision, target))
    loaded = CausalModel(network, tokenizer, prompt)
    _check_it_does(loaded, model)
    if tokenizer.eos_token_id is None:
        raise ValueError(
            f"the tokenizer of model={model!r} has no token for the end of a text (eos_token); set "
            "one in its files."
        )
    _check_length(loaded, n_tokens)
    return loaded


def _require_gguf() -> None:
    """Raise an ImportError that says what to do if the reader of GGUF files is missing."""
    try:
        import gguf  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "gguf":
            raise
        raise ImportError(
            "gguf_file needs gguf, which is not installed. Install it with 'pip install gguf'."
        ) from error


def _check_length(loaded: CausalModel, n_tokens: int) -> None:
    """Raise if texts are longer than what the model reads."""
    most = getattr(loaded.config, "max_position_embeddings", None)
    needed = loaded.n_positions(n_tokens)
    if most is not None and needed > most:
        raise ValueError(
            f"n_tokens={n_tokens} takes {needed} positions with the prompt and a vector, but the "
            f"model has {most}; lower n_tokens."
        )


@torch.no_grad()
def _check_it_does(loaded: CausalModel, model: str) -> None:
    """Raise unless the model reads vectors, looks back only, and ends in its output layer."""
    words = (torch.arange(5, device=loaded.device) * 7 + 3) % loaded.n_words
    ids = torch.stack([words, words])
    ids[1, -1] = (ids[1, -1] + 1) % loaded.n_words
    try:
        states = loaded.states(loaded.embed(ids))
    except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
        raise ValueError(
            f"model={model!r} cannot read vectors in place of tokens (inputs_embeds): "
            f"{error}{_INSTEAD}"
        ) from error
    if not _agree(states[0, :-1], states[1, :-1]):
        raise ValueError(
            f"model={model!r} looks at words that are still to come, so it is no causal language "
            f"model{_INSTEAD}"
        )
    expected: Any = loaded.network(input_ids=ids, use_cache=False).logits
    if states.shape[-1] != loaded.n_dims or not _agree(loaded.logits(states), expected):
        raise ValueError(
            f"model={model!r} does more between words and states, or states and words, than its "
            f"embedding and its output layer tell{_INSTEAD}"
        )


def _agree(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two results are the same but for rounding."""
    allowed = _TOLERANCES[one.dtype] * float(other.abs().max())
    return one.shape == other.shape and float((one - other).abs().max()) <= allowed
