"""TextEncoder: item texts to vectors."""
# SPDX-License-Identifier: BSD-3-Clause

import os
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

from skace._sklearn_compat import Interval, StrOptions
from skace.embeddings.text._encoder_core import TextEncoderOfTexts
from skace.embeddings.text._mixin import TextItemMixin

__all__ = ["TextEncoder"]


class TextEncoder(TextItemMixin, TextEncoderOfTexts):
    """Vectors of item texts, from a sentence encoder, a server or a function.

    Given `~skace.Interactions` whose catalog holds texts (one per item, or a frame of text
    columns), the encoder puts vectors in their place and writes down where they come from.
    Given a list, array, series or frame, it returns the vectors.

    Encoding is what costs: it is done once per text, model, revision, prompt and precision,
    not once per fit. A search over a pipeline encodes in its first fit and looks up in all
    others; with ``cache``, so do other processes and later runs, and a run that was killed
    goes on where it ended.

    Parameters
    ----------
    model : str, path-like or None, default=None
        Folder of a sentence-transformers model, or its name on the Hugging Face Hub; with
        ``base_url`` the name of a model on that server; with ``encoder`` what to call it.
        None: "sentence-transformers/all-MiniLM-L6-v2" (384 numbers, 80 MB, English).
        Pooling is what the model brings along. Code of a model's authors is never run.

    fields : str, list of str or None, default=None
        Columns of a frame that make up the text, in this order. None: those that
        ``template`` names, or all text columns but ``item_id``.

    template : str, default="{values}"
        The text of an item. ``{values}``: the non-empty values with full stops between
        them ("Lip Balm. Burt's Bees. Lips"). ``{fields}``: "name: value;" for each that is
        not empty, to which one adds a sentence that names the shop, as in "A product of a
        beauty shop. {fields}". ``{title}``: the value of that column, maybe empty.

    prompt : str or None, default=None
        What the model reads before each text, for models that were trained with
        instructions. None: the model's default prompt, if it has one; "" none.

    normalize : bool, default=True
        Scale vectors to unit length.

    truncate_dim : int or None, default=None
        Keep the first numbers only, before scaling; for models that were trained for it
        (Matryoshka). Costs no new encoding.

    missing : {"error", "mean", "zero"}, default="error"
        What to do with items whose columns are all empty: refuse them by name, give them
        the mean of the others, or a zero vector.

    batch_size : int, default=64
        Texts that are encoded together, or sent in one request.

    device : str, default="auto"
        "auto" (CUDA where torch sees it), "cpu", "cuda" or "cuda:0". Only for a model on
        this machine: with ``encoder`` or ``base_url`` it has to stay at its default.

    precision : {"float32", "bfloat16", "float16", "auto"}, default="float32"
        Type of the model's weights; "auto" is bfloat16 on CUDA, else float32. The vectors
        are float32 in any case. Half precision is faster on a GPU and changes vectors a
        little, depending on the machine. Only for a model on this machine, as ``device``.

    revision : str or None, default=None
        Commit, tag or branch on the Hub; None is what this machine has, else the latest.
        With ``base_url`` or ``encoder``: your name for the present version, to be changed
        when the server or the function does, because old vectors are used until then.

    cache : str, path-like or None, default=None
        Folder for vectors, shared by all models, processes and runs; it takes
        ``4 * n_dims + 16`` bytes per text. None: memory of this process only.

    store_weights : bool, default=False
        Put the weights into pickles and skops files. False keeps files small, but new
        texts then need the model at the same name or path wherever the file is opened;
        known texts need the cache.

    encoder : callable or None, default=None
        Function from a list of n texts to an array-like of shape (n, n_dims), in place of
        a model. An object with ``__call__`` is copied for every fit of a search and encodes
        again in each, unless ``revision`` says what it is.

    base_url : str or None, default=None
        Address of a server that speaks the embeddings part of the OpenAI API, such as
        "https://api.openai.com/v1", in place of a model. All texts are sent there. A query
        such as "?api-version=2024" stays behind the path. The address goes into
        ``provenance_``; a key does not belong in it.

    api_key_env : str or None, default=None
        Name of the environment variable that holds the key for ``base_url``. The key itself
        is never stored. An address with http:// that is not on this machine is warned of,
        because anyone on the way could read the key. This parameter and the next two need
        ``base_url`` and have to stay at their defaults without it.

    n_retries : int, default=5
        How often a request to ``base_url`` is tried again, after longer and longer pauses,
        or those that the server asks for.

    timeout : float, default=60.0
        Seconds after which a request without a whole answer counts as failed: to connect,
        to compute and to send the vectors of a batch, however slowly they come.

    Attributes
    ----------
    fields_ : list of str
        The columns that were read; ``["text"]`` if X had no columns.

    revision_ : str
        Commit of the weights, or a hash of the files of a local model.

    provenance_ : dict of str to str
        Model, revision, pooling (for models of sentence-transformers that tell), template,
        type, date and so on. It is added to the provenance of catalogs.

    n_encoded_ : int
        How many distinct texts the last fit had to encode; all others were known.

    mean_ : ndarray of shape (n_dims,)
        What items without text get, if ``missing="mean"``.

    weights_ : dict of str to ndarray of uint8
        Files of the model, if ``store_weights=True``.

    See Also
    --------
    ContrastiveTextEncoder : Adapts the model to the catalog before it encodes.
    ACETransformer : What to do with the vectors next.
    OnItems : Other ways from text to vectors, for example TF-IDF.

    Notes
    -----
    Progress of a fit shows in scikit-learn's ``ProgressBar``
    (``encoder.set_callbacks(ProgressBar())``, or of a search around it), which draws with
    rich (``pip install rich``). scikit-learn calls callbacks in ``fit`` only. Lines
    of the logger "skace" at level INFO tell of both: of a fit, and of new texts that
    ``transform`` encodes.

    Texts are built in pieces and vectors written as they come. A matrix of more than 256 MiB
    is returned as a memmap in the folder of the cache, if there is one, so that millions of
    items need little memory. A text that occurs more than once is encoded once. What is
    longer than the model reads is cut by the model.

    A fitted encoder that was pickled holds no texts and no vectors.

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
    >>> encoder = TextEncoder(encoder=count_letters, normalize=False)
    >>> encoder.fit_transform(X).catalog.features
    array([[1., 0., 0., 1., 2.],
           [2., 1., 0., 1., 1.]], dtype=float32)
    >>> encoder.fit(["a bead"]).n_encoded_  # known already
    0
    """

    _parameter_constraints: ClassVar = {
        "model": [str, os.PathLike, None],
        "fields": [str, "array-like", None],
        "template": [str],
        "prompt": [str, None],
        "normalize": ["boolean"],
        "truncate_dim": [Interval(Integral, 1, None, closed="left"), None],
        "missing": [StrOptions({"error", "mean", "zero"})],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "device": [str],
        "precision": [StrOptions({"float32", "bfloat16", "float16", "auto"})],
        "revision": [str, None],
        "cache": [str, os.PathLike, None],
        "store_weights": ["boolean"],
        "encoder": [callable, None],
        "base_url": [str, None],
        "api_key_env": [str, None],
        "n_retries": [Interval(Integral, 0, None, closed="left")],
        "timeout": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(  # noqa: PLR0913 (a constructor has one argument per parameter)
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        fields: str | Sequence[str] | None = None,
        template: str = "{values}",
        prompt: str | None = None,
        normalize: bool = True,
        truncate_dim: int | None = None,
        missing: Literal["error", "mean", "zero"] = "error",
        batch_size: int = 64,
        device: str = "auto",
        precision: Literal["float32", "bfloat16", "float16", "auto"] = "float32",
        revision: str | None = None,
        cache: str | os.PathLike[str] | None = None,
        store_weights: bool = False,
        encoder: Callable[[list[str]], Any] | None = None,
        base_url: str | None = None,
        api_key_env: str | None = None,
        n_retries: int = 5,
        timeout: float = 60.0,
    ) -> None:
        self.model = model
        self.fields = fields
        self.template = template
        self.prompt = prompt
        self.normalize = normalize
        self.truncate_dim = truncate_dim
        self.missing = missing
        self.batch_size = batch_size
        self.device = device
        self.precision = precision
        self.revision = revision
        self.cache = cache
        self.store_weights = store_weights
        self.encoder = encoder
        self.base_url = base_url
        self.api_key_env = api_key_env
        self.n_retries = n_retries
        self.timeout = timeout
