"""How a model of sentence-transformers pools, read from its files without loading it."""
# SPDX-License-Identifier: BSD-3-Clause

import json
from pathlib import Path
from typing import Any

from skace.embeddings.text.sources._revision import hub_folder

__all__ = ["pooling_of_model"]

# Older models have a flag for each mode. Vectors of several are joined in this order.
_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


def pooling_of_model(model: str, revision: str | None) -> str | None:
    """Modes of pooling, such as "mean" or "cls+mean"; None if the files do not tell.

    Parameters
    ----------
    model : str
        Folder, or name on the Hugging Face Hub of a model that is on this machine.
    revision : str or None
        Commit, tag or branch there.
    """
    folder: Path | None = Path(model).expanduser()
    if folder is None or not folder.is_dir():
        folder = hub_folder(model, revision)
    if folder is None:
        return None
    try:
        modules = _read(folder / "modules.json")
        (path,) = [part["path"] for part in modules if part["type"].endswith(".Pooling")]
        return _modes(_read(folder / path / "config.json"))
    except (AttributeError, KeyError, OSError, TypeError, ValueError):
        return None  # a model without pooling, or none of sentence-transformers


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _modes(config: dict[str, Any]) -> str | None:
    """Modes in the configuration of a pooling module."""
    modes = config.get("pooling_mode", [name for flag, name in _FLAGS.items() if config.get(flag)])
    text = modes if isinstance(modes, str) else "+".join(modes)
    if text and config.get("include_prompt") is False:
        text += " without the prompt"
    return text or None
