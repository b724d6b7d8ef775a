"""T5 and its tokenizer: loaded from files, kept as text and arrays, built again."""
# SPDX-License-Identifier: BSD-3-Clause

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from skace._torch._pretrained import load_pretrained
from skace._typing import FloatArray

__all__ = ["Origin", "build_t5", "check_t5", "load_t5", "load_weights", "weights_as_numpy"]

_FAMILIES = ("t5", "mt5")


@dataclass(frozen=True, slots=True)
class Origin:
    """What a model folder says beside its weights, as texts and numbers.

    Parameters
    ----------
    config : str
        Shape of the network, JSON.
    tokenizer : str
        The tokenizer, JSON of the package tokenizers.
    special : dict of str to int
        Numbers of the tokens that ``start`` and ``end`` what is spelled out, and of the
        ``unknown`` one (-1 if there is none).
    """

    config: str
    tokenizer: str
    special: dict[str, int]


def _transformers() -> Any:
    """Import the library, which takes its time."""
    import transformers

    return transformers


def check_t5(model: str) -> None:
    """Raise unless a name or folder stands for a T5.

    Parameters
    ----------
    model : str
        Folder, or name on the Hugging Face Hub.

    Raises
    ------
    OSError
        If there is none, or it cannot be downloaded.

    ValueError
        If it is another kind of model.
    """
    try:
        config = _transformers().AutoConfig.from_pretrained(model)
    except (OSError, ValueError) as error:
        raise OSError(f"model={model!r} could not be loaded: {error}") from error
    if config.model_type not in _FAMILIES:
        raise ValueError(
            f"model={model!r} is a {config.model_type}; only encoder-decoders of the T5 family "
            f"({', '.join(_FAMILIES)}) read passages one by one. Take for example "
            "'google-t5/t5-small'."
        )


def load_t5(model: str) -> tuple[nn.Module, Origin]:
    """Network, float32, and what else its folder says.

    Parameters
    ----------
    model : str
        Folder, or name on the Hugging Face Hub.

    Raises
    ------
    OSError
        If a part is missing, weights included.

    ValueError
        If the tokenizer has no JSON form, or does not fit the network.
    """
    library = _transformers()
    try:
        with _no_bars():
            tokenizer = library.AutoTokenizer.from_pretrained(model)
            network = load_pretrained(library.AutoModelForSeq2SeqLM, model).float()
    except (OSError, ValueError) as error:
        raise OSError(f"model={model!r} could not be loaded: {error}") from error
    if not getattr(tokenizer, "is_fast", False):
        raise ValueError(
            f"model={model!r} has a tokenizer without a tokenizer.json; save its fast form there."
        )
    config = network.config
    special = {
        "start": config.decoder_start_token_id,
        "end": config.eos_token_id,
        "unknown": -1 if tokenizer.unk_token_id is None else tokenizer.unk_token_id,
    }
    for name in ("start", "end"):
        if special[name] is None:
            raise ValueError(
                f"the config of model={model!r} names no token to {name} an answer with; set "
                "decoder_start_token_id and eos_token_id there."
            )
    if len(tokenizer) > config.vocab_size:
        raise ValueError(
            f"the tokenizer of model={model!r} knows {len(tokenizer)} tokens, but the network "
            f"reads {config.vocab_size}; they do not belong together."
        )
    values = json.loads(config.to_json_string(use_diff=False))
    values.pop("_name_or_path", None)  # where the folder lay is nobody's business
    return network, Origin(json.dumps(values), tokenizer.backend_tokenizer.to_str(), special)


@contextmanager
def _no_bars() -> Iterator[None]:
    """Draw no bars of progress in the block."""
    logging = _transformers().utils.logging
    was_on = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_on:
            logging.enable_progress_bar()


def build_t5(config: str, *, is_tied: bool) -> nn.Module:
    """Network of this shape, untrained.

    Parameters
    ----------
    config : str
        As in `Origin`.
    is_tied : bool
        Whether the last layer is the table of the tokens.
    """
    library = _transformers()
    values = json.loads(config)
    for name in ("dtype", "torch_dtype"):  # of the checkpoint; weights here are float32
        values.pop(name, None)
    shape = library.AutoConfig.for_model(values.pop("model_type"), **values)
    for name in ("scale_decoder_outputs", "tie_word_embeddings"):
        if name in values:  # some versions derive one from the other
            setattr(shape, name, values[name])
    network = library.AutoModelForSeq2SeqLM.from_config(shape).float()
    head, table = network.lm_head, network.shared
    if is_tied:
        head.weight = table.weight
    elif head.weight is table.weight:
        head.weight = nn.Parameter(table.weight.detach().clone())
    built: nn.Module = network
    return built


def weights_as_numpy(network: nn.Module) -> dict[str, FloatArray]:
    """Copies of all weights; a table that serves several parts comes once."""
    return {
        name: weight.detach().cpu().numpy().copy() for name, weight in network.named_parameters()
    }


@torch.no_grad()
def load_weights(network: nn.Module, weights: Mapping[str, FloatArray]) -> None:
    """Fill a network with what `weights_as_numpy` returned.

    Raises
    ------
    ValueError
        If the weights are not those of such a network.
    """
    own = dict(network.named_parameters())
    if own.keys() != weights.keys():
        differ = sorted(own.keys() ^ weights.keys())
        raise ValueError(f"the stored weights do not fit the network; they differ in {differ[:3]}.")
    for name, weight in own.items():
        saved = np.array(weights[name])
        if saved.shape != tuple(weight.shape) or saved.dtype.kind != "f":
            raise ValueError(
                f"the stored {name} has shape {saved.shape} and dtype {saved.dtype}; the network "
                f"has {tuple(weight.shape)}."
            )
        weight.copy_(torch.from_numpy(saved))
