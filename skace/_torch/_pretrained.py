"""Models of transformers, loaded whole."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import Any

__all__ = ["load_pretrained"]


def load_pretrained(kind: Any, model: str, **options: Any) -> Any:
    """Load a network, and refuse files that lack some of its weights.

    Where files lack weights, transformers draws them at random and goes on.

    Parameters
    ----------
    kind : type
        A class of transformers, such as ``AutoModelForCausalLM``.
    model : str
        Folder, or name on the Hugging Face Hub.
    **options
        Of ``from_pretrained``.

    Raises
    ------
    OSError
        If there is no such model.

    ValueError
        If weights are missing, or have other shapes than the model.
    """
    try:
        network, found = kind.from_pretrained(model, output_loading_info=True, **options)
    except RuntimeError as error:  # what transformers raises for shapes
        raise ValueError(
            "its weights have other shapes than its config says; fetch all of its files again."
        ) from error
    lacking = sorted(map(str, found["missing_keys"]))
    if lacking:
        raise ValueError(
            f"its files lack {len(lacking)} of the weights of a {type(network).__name__}, such as "
            f"{lacking[0]}; take a model that was trained for this task, with all its files."
        )
    return network
