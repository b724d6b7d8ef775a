"""SAIDTextEncoder: vectors from which a language model writes the text of an item."""
# SPDX-License-Identifier: BSD-3-Clause

import os
from collections.abc import Sequence
from numbers import Integral, Real
from typing import ClassVar, Literal

from skace._sklearn_compat import Interval, StrOptions
from skace._typing import Precision, RandomState
from skace.embeddings.text._mixin import TextItemMixin
from skace.embeddings.text._said_core import SAIDEncoderOfTexts

__all__ = ["SAIDTextEncoder"]


class SAIDTextEncoder(TextItemMixin, SAIDEncoderOfTexts):
    """Vectors of item texts from which a language model can write the texts.

    The semantically aligned ids of SAID [1]_. A frozen causal language model reads one vector in
    place of a token, and should continue with the text of the item. Only the vector is learned,
    until it holds what the model needs to write the text. The mean of the model's states describes
    what texts have in common; this vector holds what distinguishes them.

    Given `~skace.Interactions` whose catalog holds texts, the encoder learns from the texts and
    replaces them with vectors. Given a list, array, series or frame, it learns from that and
    returns the vectors.

    Parameters
    ----------
    model : str or path-like
        A causal (decoder-only) language model of transformers: its folder, or its name on the
        Hugging Face Hub. Code of a model's authors is never run.

    fields : str, list of str or None, default=None
        Columns of a frame that make up the text, in this order. None: the columns in
        ``template``, or all text columns except ``item_id``.

    template : str, default="{values}"
        The text of an item, as in `TextEncoder`.

    prompt : str or None, default=None
        Text that the model reads before the vector, such as "Item:". It is not used
        when the model reads the texts themselves.

    projector : {"text", "table"}, default="text"
        Where vectors come from. "text": a network with one hidden layer, trained on all texts,
        computes the vector from the model's own reading of the text (the mean of its last hidden
        states over the tokens). So new texts get vectors without training. All vectors have the
        mean length of the model's token vectors. "table", as published: each vector is free and has
        its own gradient descent, also for new texts; it does not depend on other texts. For each
        text, each of the many steps takes as long as an epoch of the projector.

    hidden_dim : int or None, default=None
        Width of the projector's hidden layer. None: the width of the model. No effect with "table".

    n_tokens : int, default=64
        Number of tokens of a text that are read and written; the rest is cut off.

    token_dropout : float, default=0.0
        Share of the tokens, in [0, 1), that are hidden from the model while it writes the text in
        training. The more are hidden, the less the model can guess from the words before, and the
        more the vector has to hold.

    normalize : bool, default=False
        Scale vectors to unit length. The training does not depend on it.

    missing : {"error", "mean", "zero"}, default="error"
        What to do with items whose columns are all empty: refuse them by name, give them the mean
        of the others, or a zero vector. They are not used in training.

    batch_size : int, default=16
        Number of texts that are processed together, as one training step of the projector. The
        vectors of "table" do not depend on it.

    learning_rate : float or None, default=None
        Step size of Adam. None: 1e-3 for "text", 5e-2 for "table".

    max_epochs : int or None, default=None
        Passes over the texts, or for "table" steps of each descent. None: 3 for "text",
        100 for "table".

    device : str, default="auto"
        "auto" (CUDA if torch finds it, else CPU), "cpu", "cuda" or "cuda:0".

    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Data type of the model's weights. "auto" is bfloat16 on CUDA, else float32. The vectors are
        always float32.

    revision : str or None, default=None
        Commit, tag or branch on the Hub. None: the local copy if there is one, else the latest.

    gguf_file : str or None, default=None
        Name of a file of weights in the folder of the model, in the format of llama.cpp. It is
        converted to full weights; needs ``gguf`` (``pip install gguf``).

    cache : str, path-like or None, default=None
        Folder for readings, or for the vectors of "table", as in `TextEncoder`. None: memory
        of this process only.

    random_state : int, RandomState instance or None, default=None
        Seed of the projector, of the order of the texts and of ``token_dropout``. "table" without
        ``token_dropout`` does not depend on it.

    verbose : int or bool, default=False
        Whether to log a line per epoch (logger "skace", level INFO).

    Attributes
    ----------
    fields_ : list of str
        The columns that were read; ``["text"]`` if X had no columns.

    information_ : float
        How much information the vectors hold, in nats per token: the loss of writing a text from
        the mean of all vectors, minus the loss from its own vector. Measured on at most 512 of the
        texts of ``fit``, with all tokens visible. If it is near 0, the vectors hold nothing, and
        `fit` warns.

    loss_curve_ : list of float
        Mean loss of each epoch, or before each step of the descents, in nats per token, with equal
        weights for all texts. With "table" only texts that had no vector yet count; if all had one,
        the list is empty.

    n_iter_ : int
        Length of ``loss_curve_``.

    projector_state_ : dict of str to ndarray
        Weights of the projector by name. Only with "text".

    revision_ : str
        Commit of the model's weights, or a hash of the files of a local model.

    provenance_ : dict of str to str
        Model, revision, training, template and so on. It is added to the provenance of
        catalogs.

    n_encoded_ : int
        Number of distinct texts that the last fit had to read, or to find vectors for; all others
        were known.

    mean_ : ndarray of shape (n_dims,)
        Vector of items without text, if ``missing="mean"``.

    See Also
    --------
    TextEncoder : Vectors of a sentence encoder, without training.
    ContrastiveTextEncoder : Trains the model itself to distinguish items.
    ACETransformer : Usual next step for the vectors.

    Notes
    -----
    For a text of tokens x_1 to x_m with vector v, and x_{m+1} the end of the text (if nothing was
    cut off), training minimises the mean over the texts of

        -1 / (m + 1) * sum_j log p(x_j | prompt, v, x_1, ..., x_{j-1})

    over the projector, or over each v. Both take a backward pass through the whole model for each
    text and epoch, although its weights do not change. Logits are computed a few tokens at a time,
    so large vocabularies need little memory.

    The model is not stored in files. An encoder opened from a file needs the model at the same
    place for new texts. For known texts the cache is enough.

    With an integer as ``random_state``, equal fits in one process share one training. All fits
    share the readings of the texts, so a search over ``learning_rate`` reads them once.

    Differences from [1]_, as far as it gives details: the projector reads texts, not item numbers.
    Its inputs are centred and scaled by column. Gradients are clipped to norm 1.

    Callbacks of scikit-learn see every epoch with "text", and may stop the training there; with
    "table" they see every group of texts.

    Stability: experimental.

    References
    ----------
    .. [1] Hu, J. et al. "Enhancing Sequential Recommendation via LLM-based Semantic Embedding
       Learning." WWW 2024 companion.

    Examples
    --------
    >>> from sklearn.pipeline import Pipeline
    >>> from skace import ACETransformer, SASRecEstimator
    >>> from skace.embeddings import SAIDTextEncoder
    >>> from skace.item_tables import FrozenTable
    >>> encoder = SAIDTextEncoder("HuggingFaceTB/SmolLM2-135M", cache="vectors", random_state=0)
    >>> recommender = SASRecEstimator(item_table=FrozenTable())
    >>> pipe = Pipeline([("text", encoder), ("ace", ACETransformer(128)), ("rec", recommender)])
    >>> pipe.fit(X)  # doctest: +SKIP
    """

    _parameter_constraints: ClassVar = {
        "model": [str, os.PathLike],
        "fields": [str, "array-like", None],
        "template": [str],
        "prompt": [str, None],
        "projector": [StrOptions({"text", "table"})],
        "hidden_dim": [Interval(Integral, 1, None, closed="left"), None],
        "n_tokens": [Interval(Integral, 1, None, closed="left")],
        "token_dropout": [Interval(Real, 0, 1, closed="left")],
        "normalize": ["boolean"],
        "missing": [StrOptions({"error", "mean", "zero"})],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "max_epochs": [Interval(Integral, 1, None, closed="left"), None],
        "device": [str],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "revision": [str, None],
        "gguf_file": [str, None],
        "cache": [str, os.PathLike, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(  # noqa: PLR0913 (a constructor has one argument per parameter)
        self,
        model: str | os.PathLike[str],
        *,
        fields: str | Sequence[str] | None = None,
        template: str = "{values}",
        prompt: str | None = None,
        projector: Literal["text", "table"] = "text",
        hidden_dim: int | None = None,
        n_tokens: int = 64,
        token_dropout: float = 0.0,
        normalize: bool = False,
        missing: Literal["error", "mean", "zero"] = "error",
        batch_size: int = 16,
        learning_rate: float | None = None,
        max_epochs: int | None = None,
        device: str = "auto",
        precision: Precision = "auto",
        revision: str | None = None,
        gguf_file: str | None = None,
        cache: str | os.PathLike[str] | None = None,
        random_state: RandomState = None,
        verbose: bool | int = False,
    ) -> None:
        self.model = model
        self.fields = fields
        self.template = template
        self.prompt = prompt
        self.projector = projector
        self.hidden_dim = hidden_dim
        self.n_tokens = n_tokens
        self.token_dropout = token_dropout
        self.normalize = normalize
        self.missing = missing
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.max_epochs = max_epochs
        self.device = device
        self.precision = precision
        self.revision = revision
        self.gguf_file = gguf_file
        self.cache = cache
        self.random_state = random_state
        self.verbose = verbose
