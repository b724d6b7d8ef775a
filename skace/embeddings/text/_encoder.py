"""TextEncoder: item texts to vectors."""
# SPDX-License-Identifier: BSD-3-Clause

import os
from collections.abc import Sequence
from numbers import Integral
from typing import Any, ClassVar, Literal, Self

from skace._parameter_objects import check_can_be_set
from skace._sklearn_compat import Interval, StrOptions
from skace.embeddings.text._encoder_core import TextEncoderOfTexts
from skace.embeddings.text._mixin import TextItemMixin
from skace.embeddings.text._moved_parameters import moved_to, refuses_moved, with_encoder_object
from skace.embeddings.text.models._function import FunctionModel
from skace.embeddings.text.models._http import HttpModel
from skace.embeddings.text.models._local import LocalModel
from skace.embeddings.text.models._short_forms import EncoderOption

__all__ = ["TextEncoder"]


class TextEncoder(TextItemMixin, TextEncoderOfTexts):
    """Vectors of item texts, from a sentence encoder, a server or a function.

    Given `~skace.Interactions` whose catalog holds texts (one per item, or a frame of text
    columns), the encoder replaces them with vectors and records where these come from. Given a
    list, array, series or frame, it returns the vectors.

    Encoding is slow, so it is done once per text, model, revision, prompt and precision, not once
    per fit. A search over a pipeline encodes in its first fit and looks vectors up in all others.
    With ``cache``, other processes and later runs look them up, too, and a killed run continues
    where it ended.

    Parameters
    ----------
    encoder : LocalModel, HttpModel, FunctionModel, callable, str, path-like or None, default=None
        Turns texts into vectors: a sentence encoder on this machine (`LocalModel`), one on a server
        (`HttpModel`), or a function from a list of n texts to an array-like of shape (n, n_dims).
        There are three short forms. A text or a path is ``LocalModel(name)``, the folder or name of
        a sentence encoder. A function is ``FunctionModel(function)``; the long form can give it a
        version. None is ``LocalModel()``: "sentence-transformers/all-MiniLM-L6-v2" (384 numbers, 80
        MB, English).

    fields : str, list of str or None, default=None
        Columns of a frame that make up the text, in this order. None: the columns in
        ``template``, or all text columns except ``item_id``.

    template : str, default="{values}"
        The text of an item. ``{values}``: the non-empty values joined by full stops ("Lip Balm.
        Burt's Bees. Lips"). ``{fields}``: "name: value;" for each non-empty value, usually after a
        sentence on the shop, as in "A product of a beauty shop. {fields}". ``{title}``: the value
        of that column, maybe empty.

    prompt : str or None, default=None
        Text that the model reads before each item text, for models that were trained
        with instructions. None: the model's default prompt, if it has one. "": no
        prompt.

    normalize : bool, default=True
        Scale vectors to unit length.

    truncate_dim : int or None, default=None
        Keep only the first numbers of each vector, before scaling; for models that were
        trained for it (Matryoshka). A change needs no new encoding.

    missing : {"error", "mean", "zero"}, default="error"
        What to do with items whose columns are all empty: refuse them by name, give them
        the mean of the others, or a zero vector.

    batch_size : int, default=64
        Number of texts that are encoded together, or sent in one request.

    cache : str, path-like or None, default=None
        Folder for vectors, shared by all models, processes and runs; it takes
        ``4 * n_dims + 16`` bytes per text. None: memory of this process only.

    Attributes
    ----------
    fields_ : list of str
        The columns that were read; ``["text"]`` if X had no columns.

    revision_ : str
        Commit of the weights, or a hash of the files of a local model.

    provenance_ : dict of str to str
        Model, revision, pooling (if the model of sentence-transformers states it), template, type,
        date and so on. It is added to the provenance of catalogs.

    n_encoded_ : int
        Number of distinct texts that the last fit had to encode; all others were known.

    mean_ : ndarray of shape (n_dims,)
        Vector of items without text, if ``missing="mean"``.

    weights_ : dict of str to ndarray of uint8
        Files of the model, with ``LocalModel(store_weights=True)``.

    See Also
    --------
    LocalModel : A sentence encoder on this machine: device, precision, revision.
    HttpModel : A server: address, key, retries.
    FunctionModel : A function with a name and a version.
    ContrastiveTextEncoder : Adapts the model to the catalog or the log before it encodes.
    ACETransformer : Usual next step for the vectors.
    OnItems : Other ways from text to vectors, for example TF-IDF.

    Notes
    -----
    Progress of a fit shows in scikit-learn's ``ProgressBar``
    (``encoder.set_callbacks(ProgressBar())``, or of a search around it), which draws with rich
    (``pip install rich``). scikit-learn calls callbacks in ``fit`` only. The logger "skace" reports
    both at level INFO: fits, and new texts that ``transform`` encodes.

    Texts are built in pieces, and vectors are written as they are computed. A matrix of more than
    256 MiB is returned as a memmap in the folder of the cache, if there is one, so millions of
    items need little memory. A text that occurs more than once is encoded once. The model cuts
    texts that are longer than it can read.

    A pickle of a fitted encoder holds neither texts nor vectors.

    Stability: provisional.

    Examples
    --------
    >>> import numpy as np
    >>> from skace import Catalog, Interactions
    >>> from skace.embeddings import TextEncoder
    >>> def count_letters(texts):
    ...     return [[text.count(letter) for letter in "abcde"] for text in texts]
    >>> catalog = Catalog([7, 9], ["a red pen", "a bead"])
    >>> X = Interactions(["al", "al"], [9, 7], catalog=catalog)
    >>> encoder = TextEncoder(count_letters, normalize=False)
    >>> encoder.fit_transform(X).catalog.features
    array([[1., 0., 0., 1., 2.],
           [2., 1., 0., 1., 1.]], dtype=float32)
    >>> encoder.fit(["a bead"]).n_encoded_  # known already
    0
    """

    _parameter_constraints: ClassVar = {
        "encoder": [LocalModel, HttpModel, FunctionModel, callable, str, os.PathLike, None],
        "fields": [str, "array-like", None],
        "template": [str],
        "prompt": [str, None],
        "normalize": ["boolean"],
        "truncate_dim": [Interval(Integral, 1, None, closed="left"), None],
        "missing": [StrOptions({"error", "mean", "zero"})],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "cache": [str, os.PathLike, None],
    }

    @refuses_moved
    def __init__(  # noqa: PLR0913 (a constructor has one argument per parameter)
        self,
        encoder: EncoderOption = None,
        *,
        fields: str | Sequence[str] | None = None,
        template: str = "{values}",
        prompt: str | None = None,
        normalize: bool = True,
        truncate_dim: int | None = None,
        missing: Literal["error", "mean", "zero"] = "error",
        batch_size: int = 64,
        cache: str | os.PathLike[str] | None = None,
    ) -> None:
        self.encoder = encoder
        self.fields = fields
        self.template = template
        self.prompt = prompt
        self.normalize = normalize
        self.truncate_dim = truncate_dim
        self.missing = missing
        self.batch_size = batch_size
        self.cache = cache

    def set_params(self, **params: Any) -> Self:
        """Set parameters, also those of the encoder as ``encoder__name``.

        Parameters
        ----------
        **params : dict
            Values by name.

        Returns
        -------
        self : object
            This encoder.

        Raises
        ------
        ValueError
            If there is no parameter of this name, or it is a parameter of an encoder that is a
            short form.
        """
        advice = moved_to(params)
        if advice:
            raise ValueError(f"{type(self).__name__}: {advice}")
        check_can_be_set("encoder", self.encoder, params, "LocalModel()")
        super().set_params(**params)
        return self

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(with_encoder_object(state))
