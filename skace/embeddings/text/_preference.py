"""PreferenceTextEncoder: a text model that was taught what users have in common."""
# SPDX-License-Identifier: BSD-3-Clause

import os
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

from skace._sklearn_compat import HasMethods, Interval, StrOptions
from skace._typing import Precision, RandomState
from skace.embeddings.text._mixin import RowsTextItemMixin
from skace.embeddings.text._preference_core import PreferenceEncoderOfTexts

__all__ = ["PreferenceTextEncoder"]


class PreferenceTextEncoder(RowsTextItemMixin, PreferenceEncoderOfTexts):
    r"""Vectors of item texts, from a sentence encoder taught the categories of a recommender.

    The idea of TSLRec / P2Rec [1]_, for any sentence encoder. First a recommender of item ids is
    fitted on the log. k-means divides its item vectors into K categories of items that the same
    users take. Then the encoder learns to predict from texts how often a user takes each category.
    New items get vectors from their texts alone.

    The encoder learns from the rows that it is fitted on, by default without the last one of each
    user. Different slices give different fits.

    Parameters
    ----------
    estimator : estimator
        A recommender with ``item_vectors_`` after the fit, for example
        ``SASRecEstimator(item_table=IDTable())``, or a Pipeline that ends in one. A clone is fitted
        on the rows, without the features of the catalog. If it has no seed, it gets one.

    model : str, path-like or None, default=None
        The model to start from, as in `ContrastiveTextEncoder`.

    fields : str, list of str or None, default=None
        Columns of a frame that make the text, as in `TextEncoder`.

    template : str, default="{values}"
        The text of an item, as in `TextEncoder`.

    prompt : str or None, default=None
        Text that the model reads before each item text. None: the model's default prompt, if it has
        one. "": no prompt.

    n_categories : int, default=64
        Number K of categories. A number above that of learned items is clipped with a warning.

    level : {"user", "item"}, default="user"
        What a training example is. "user", as in [1]_: from the mean g of the vectors of the items
        that a user took, predict the frequencies pi of their categories. Repeated items count
        repeatedly in both. "item": from the vector of a text, predict the categories of its items.
        The loss is KL(pi || softmax(A g + b)); A and b are learned and then dropped. "item" reads
        each text once per pass and takes far less time.

    max_items : int, default=16
        Most different texts of a user that are read in a pass, drawn anew each time. No effect with
        ``level="item"``.

    hold_out_last : bool, default=True
        Leave out the last row of each user with at least two rows. A recommender behind the encoder
        validates its early stopping on these rows, so the texts must not learn from them.

    lora_rank : int or None, default=None
        Train low-rank adapters of this rank instead of the weights, as in
        `ContrastiveTextEncoder`.

    lora_alpha : float, default=32.0
        Weight of the adapters, divided by ``lora_rank``. No effect if that is None.

    normalize : bool, default=True
        Scale vectors to unit length. The training does not depend on it.

    truncate_dim : int or None, default=None
        Keep only the first numbers of each vector, before scaling.

    missing : {"error", "mean", "zero"}, default="error"
        What to do with items whose columns are all empty: refuse them by name, give them
        the mean of the others, or a zero vector. They are not read in training.

    batch_size : int, default=64
        Number of users or items in a training step, at least 2, and of texts that are
        encoded together.

    learning_rate : float or None, default=None
        Step size of Adam. None: 2e-5, or 2e-4 with ``lora_rank``.

    max_epochs : int, default=3
        Passes over the users or items.

    device : str, default="auto"
        "auto" (CUDA if torch finds it, else CPU), "cpu", "cuda" or "cuda:0".

    precision : {"float32", "bfloat16", "auto"}, default="float32"
        Data type of the matrix products in training, and of the trained model's
        weights. "auto" is bfloat16 on CUDA, else float32. The vectors are always
        float32.

    revision : str or None, default=None
        Commit, tag or branch on the Hub to start from. None: the local copy if there is one, else
        the latest.

    cache : str, path-like or None, default=None
        Folder for vectors, as in `TextEncoder`. None: memory of this process only.

    store_weights : bool, default=True
        Keep the trained weights, as in `ContrastiveTextEncoder`.

    random_state : int, RandomState instance or None, default=None
        Seed of the recommender, of k-means, of the order of the users, of their texts that are
        read, and of dropout.

    verbose : int or bool, default=False
        Whether to log a line per epoch (logger "skace", level INFO).

    Attributes
    ----------
    categories_ : ndarray of shape (n_items,), int64
        Category of each item of the catalog, from 0; -1 for items that were not learned.

    fields_ : list of str
        The columns that were read; ``["text"]`` if the texts had no columns.

    loss_curve_ : list of float
        Mean divergence of each epoch, in nats.

    n_iter_ : int
        Number of epochs.

    revision_ : str
        Hash of the trained weights.

    base_revision_ : str
        Commit of the weights that training started from, or a hash of the files of a local
        model.

    provenance_ : dict of str to str
        Model, revisions, training, template and so on. It is added to the provenance of
        catalogs.

    n_encoded_ : int
        How many distinct texts the last fit had to encode after training.

    mean_ : ndarray of shape (n_dims,)
        Vector of items without text, if ``missing="mean"``.

    weights_ : dict of str to ndarray of uint8
        Files of the trained model, if ``store_weights=True``.

    See Also
    --------
    ContrastiveTextEncoder : With ``objective="next_item"`` learns from the log directly.
    TextEncoder : The model without training.

    Notes
    -----
    Events that are not rows of the fit are ignored, as if they had never happened, so neither the
    recommender nor the texts learn from held-out events. Rows of weight 0 are ignored as well.

    For a linear model and least squares, the best map from users' means to their frequencies is
    also the best map from texts to categories. So "user" and "item" learn much the same in
    different batches.

    With an integer as ``random_state``, equal fits on equal rows in one process share one training,
    including that of the recommender.

    Differences from [1]_: the texts of a user are encoded one by one and averaged; in [1]_ a
    language model reads them in one prompt. Only the vectors are passed on.

    Stability: experimental.

    References
    ----------
    .. [1] "TSLRec" (v1), "P2Rec" (v2), arXiv 2406.00333, 2024.

    Examples
    --------
    >>> from sklearn.pipeline import Pipeline
    >>> from skace import ACETransformer, SASRecEstimator
    >>> from skace.embeddings import PreferenceTextEncoder
    >>> from skace.item_tables import IDTable
    >>> ids = SASRecEstimator(item_table=IDTable())
    >>> encoder = PreferenceTextEncoder(ids, fields=["title", "brand"], random_state=0)
    >>> pipe = Pipeline(
    ...     [("text", encoder), ("ace", ACETransformer()), ("rec", SASRecEstimator())]
    ... )
    >>> pipe.fit(X)  # doctest: +SKIP
    """

    _parameter_constraints: ClassVar = {
        "estimator": [HasMethods(["fit", "get_params", "set_params"])],
        "model": [str, os.PathLike, None],
        "fields": [str, "array-like", None],
        "template": [str],
        "prompt": [str, None],
        "n_categories": [Interval(Integral, 2, None, closed="left")],
        "level": [StrOptions({"user", "item"})],
        "max_items": [Interval(Integral, 1, None, closed="left")],
        "hold_out_last": ["boolean"],
        "lora_rank": [Interval(Integral, 1, None, closed="left"), None],
        "lora_alpha": [Interval(Real, 0, None, closed="neither")],
        "normalize": ["boolean"],
        "truncate_dim": [Interval(Integral, 1, None, closed="left"), None],
        "missing": [StrOptions({"error", "mean", "zero"})],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "device": [str],
        "precision": [StrOptions({"float32", "bfloat16", "auto"})],
        "revision": [str, None],
        "cache": [str, os.PathLike, None],
        "store_weights": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(  # noqa: PLR0913 (a constructor has one argument per parameter)
        self,
        estimator: Any,
        *,
        model: str | os.PathLike[str] | None = None,
        fields: str | Sequence[str] | None = None,
        template: str = "{values}",
        prompt: str | None = None,
        n_categories: int = 64,
        level: Literal["user", "item"] = "user",
        max_items: int = 16,
        hold_out_last: bool = True,
        lora_rank: int | None = None,
        lora_alpha: float = 32.0,
        normalize: bool = True,
        truncate_dim: int | None = None,
        missing: Literal["error", "mean", "zero"] = "error",
        batch_size: int = 64,
        learning_rate: float | None = None,
        max_epochs: int = 3,
        device: str = "auto",
        precision: Precision = "float32",
        revision: str | None = None,
        cache: str | os.PathLike[str] | None = None,
        store_weights: bool = True,
        random_state: RandomState = None,
        verbose: bool | int = False,
    ) -> None:
        self.estimator = estimator
        self.model = model
        self.fields = fields
        self.template = template
        self.prompt = prompt
        self.n_categories = n_categories
        self.level = level
        self.max_items = max_items
        self.hold_out_last = hold_out_last
        self.lora_rank = lora_rank
        self.lora_alpha = lora_alpha
        self.normalize = normalize
        self.truncate_dim = truncate_dim
        self.missing = missing
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.max_epochs = max_epochs
        self.device = device
        self.precision = precision
        self.revision = revision
        self.cache = cache
        self.store_weights = store_weights
        self.random_state = random_state
        self.verbose = verbose
