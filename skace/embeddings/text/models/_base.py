"""What the objects have in common that say what turns texts into vectors."""
# SPDX-License-Identifier: BSD-3-Clause

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from sklearn.base import BaseEstimator

from skace._doc_links import DocLinkMixin
from skace._old_state import OldStateMixin
from skace.embeddings.text.sources._backends import Backend

__all__ = ["TextModel", "without_paths"]


class TextModel(DocLinkMixin, OldStateMixin, BaseEstimator, ABC):
    """A parameter object: making one needs no torch and reads no files or servers."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {}

    @abstractmethod
    def build(
        self, *, prompt: str | None, batch_size: int, stored: Mapping[str, Any] | None = None
    ) -> Backend:
        """Build the encoding backend.

        Parameters
        ----------
        prompt : str or None
            Text to put before each item text; None is the default of the model.

        batch_size : int
            Number of texts that are encoded together.

        stored : mapping or None, default=None
            Weights to use instead of the model's own, if it has weights.

        Returns
        -------
        backend : Backend
            Encodes texts, and knows what its vectors depend on.
        """

    def __getstate__(self) -> dict[str, Any]:
        return without_paths(super().__getstate__())


def without_paths(state: dict[str, Any]) -> dict[str, Any]:
    """Attributes with paths as text: a Path of one system cannot be opened on another."""
    return {
        name: os.fspath(value) if isinstance(value, os.PathLike) else value
        for name, value in state.items()
    }
