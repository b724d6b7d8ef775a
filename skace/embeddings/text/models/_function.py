"""FunctionModel: a function of the caller, with a name and a version."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from skace.embeddings.text.models._base import TextModel
from skace.embeddings.text.sources._backends import CallableEncoder

__all__ = ["FunctionModel"]


class FunctionModel(TextModel):
    """A function from texts to vectors, with a name for its present version.

    A function's code does not identify its vectors. With a ``revision``, vectors can be kept in a
    folder and found again by other processes. Without a revision they are kept in the memory of
    this process, under the function object.

    Parameters
    ----------
    function : callable
        Maps a list of n texts to an array-like of shape (n, n_dims). An object with ``__call__`` is
        copied for every fit of a search and encodes again in each; a ``revision`` prevents that.

    name : str or None, default=None
        Name in ``provenance_`` and in the cache. None: the qualified name of the function.

    revision : str or None, default=None
        Your name for the present version. Change it when the function changes; until then old
        vectors are used.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    >>> from skace.embeddings import FunctionModel, TextEncoder
    >>> def count_letters(texts):
    ...     return [[text.count(letter) for letter in "abcde"] for text in texts]
    >>> encoder = TextEncoder(FunctionModel(count_letters, revision="1"), normalize=False)
    >>> encoder.fit_transform(["a red pen"])
    array([[1., 0., 0., 1., 2.]], dtype=float32)
    >>> encoder.provenance_["model"], encoder.revision_
    ('count_letters', '1')
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "function": [callable],
        "name": [str, None],
        "revision": [str, None],
    }

    def __init__(
        self,
        function: Callable[[list[str]], Any],
        *,
        name: str | None = None,
        revision: str | None = None,
    ) -> None:
        self.function = function
        self.name = name
        self.revision = revision

    def build(
        self,
        *,
        prompt: str | None,
        batch_size: int,  # noqa: ARG002 - the encoder gives that many at a time
        stored: Mapping[str, Any] | None = None,  # noqa: ARG002 - a function has no weights
    ) -> CallableEncoder:
        """Build the encoding backend; see `TextModel.build`."""
        return CallableEncoder(
            self.function, model=self.name, revision=self.revision, prompt=prompt
        )
