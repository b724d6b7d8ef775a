"""Short forms of models of texts: a name, a folder, a function, nothing."""
# SPDX-License-Identifier: BSD-3-Clause

import os
from collections.abc import Callable
from typing import Any, TypeAlias

from skace.embeddings.text.models._base import TextModel
from skace.embeddings.text.models._function import FunctionModel
from skace.embeddings.text.models._http import HttpModel
from skace.embeddings.text.models._local import LocalModel

__all__ = ["EncoderOption", "text_model"]

EncoderOption: TypeAlias = (
    LocalModel
    | HttpModel
    | FunctionModel
    | Callable[[list[str]], Any]
    | str
    | os.PathLike[str]
    | None
)


def text_model(encoder: EncoderOption) -> TextModel:
    """Object that a value of ``encoder`` stands for: a text for a local model of that name."""
    if isinstance(encoder, TextModel):
        return encoder
    if encoder is None or isinstance(encoder, (str, os.PathLike)):
        return LocalModel(encoder)
    return FunctionModel(encoder)
