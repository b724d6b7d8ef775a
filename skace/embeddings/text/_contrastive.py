"""ContrastiveTextEncoder: a text model adapted to the items of a shop."""
# SPDX-License-Identifier: BSD-3-Clause

import os
from collections.abc import Sequence
from numbers import Integral, Real
from typing import ClassVar, Literal

from skace._sklearn_compat import Interval, StrOptions
from skace._typing import Precision, RandomState
from skace.embeddings.text._contrastive_core import ContrastiveEncoderOfTexts
from skace.embeddings.text._mixin import RowsTextItemMixin

__all__ = ["ContrastiveTextEncoder"]


class ContrastiveTextEncoder(RowsTextItemMixin, ContrastiveEncoderOfTexts):
    """Vectors of item texts, from a sentence encoder trained to tell the items apart.

    The supervised contrastive fine-tuning of LLMEmb [1]_, for any sentence encoder. Each item has
    two views, which each leave out a random part of its attributes (columns). The model learns to
    find one view from the other among all items of a batch. So it learns to use every attribute
    instead of the wording that all items share.

    With ``objective="next_item"`` the other view is of an item next to it in the log, so items that
    users take one after the other move together.

    Given `~skace.Interactions` whose catalog holds texts, the encoder trains on the texts and
    replaces them with vectors. Given a list, array, series or frame, it trains on that and returns
    the vectors.

    Parameters
    ----------
    model : str, path-like or None, default=None
        The model to start from: folder of a sentence-transformers model, or its name on the Hugging
        Face Hub. None: "sentence-transformers/all-MiniLM-L6-v2". The model's own pooling is used.
        The files of the model stay as they are.

    fields : str, list of str or None, default=None
        Columns of a frame that are the attributes, in this order. None: the columns in
        ``template``, or all text columns except ``item_id``.

    template : str, default="{values}"
        The text of an item, as in `TextEncoder`: ``{values}``, ``{fields}`` ("name: value;", the
        published form) or columns by name. With the first two, the attributes of a view are in
        random order.

    prompt : str or None, default=None
        Text that the model reads before each item text. None: the model's default prompt, if it has
        one. "": no prompt.

    objective : {"attributes", "next_item"}, default="attributes"
        What the other view of an item shows. "attributes": the same item; only the catalog counts,
        so every slice of a log gives the same fit. "next_item": an item next to it among the rows
        of a user, drawn in proportion to how often (by weight) the two are neighbours; an item
        without neighbours is paired with itself. This needs `~skace.Interactions` and
        ``loss="hard"``, and different slices give different fits.

    hold_out_last : bool, default=True
        Leave out the last row of each user with at least two rows. A recommender behind the encoder
        validates its early stopping on these rows, so the texts must not learn from them. No effect
        with ``objective="attributes"``.

    loss : {"hard", "soft"}, default="hard"
        Loss of the two views X, Y of a batch. "hard": each view must match its other view only: the
        cross-entropy of the cosines over ``temperature``, in both directions. "soft", as in the
        code of [1]_: the cross-entropy of ``X @ Y.T / temperature`` with the row-wise softmax of
        ``(X @ X.T + Y @ Y.T) / 2 * temperature`` as its target, so similar items may stay similar.
        It uses inner products of the model's raw vectors, and is made for models that do not scale
        them. As in [1]_ the gradient also passes through the target. At a high temperature or
        learning rate this makes similar items indistinguishable, so watch a validation score.

    temperature : float or None, default=None
        Temperature of the loss. None: 0.05 for "hard", 3.0 for "soft" (where [1]_ starts).

    learn_temperature : bool, default=False
        Learn the temperature along with the weights, as [1]_ does.

    drop_rate : float, default=0.4
        Share of an item's non-empty attributes that a view leaves out, in [0, 1). The
        number is rounded down, and at least one attribute stays.

    lora_rank : int or None, default=None
        Train low-rank adapters [2]_ of this rank instead of the weights, and merge them into the
        weights at the end; needs ``peft``. [1]_: 8. None: train all weights.

    lora_alpha : float, default=32.0
        Weight of the adapters, divided by ``lora_rank``. No effect if that is None.

    normalize : bool, default=True
        Scale vectors to unit length. The training does not depend on it.

    truncate_dim : int or None, default=None
        Keep only the first numbers of each vector, before scaling.

    missing : {"error", "mean", "zero"}, default="error"
        What to do with items whose columns are all empty: refuse them by name, give them the mean
        of the others, or a zero vector. They are not used in training.

    batch_size : int, default=64
        Number of items in a training step, at least 2, and of texts that are encoded together.

    learning_rate : float or None, default=None
        Step size of Adam. None: 2e-4 with ``lora_rank`` (as in [1]_), else 1e-4 with
        ``objective="next_item"`` and 2e-5 with "attributes".

    max_epochs : int, default=10
        Passes over the items.

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
        Keep the trained weights as ``weights_`` and put them into pickles and skops files. They are
        stored nowhere else: an encoder from a file without them only knows the texts in ``cache``.

    random_state : int, RandomState instance or None, default=None
        Seed of the order of the items, of their views and of dropout. On a CPU with the same number
        of threads, the same seed gives the same weights.

    verbose : int or bool, default=False
        Whether to log a line per epoch (logger "skace", level INFO).

    Attributes
    ----------
    fields_ : list of str
        The columns that were read; ``["text"]`` if X had no columns.

    loss_curve_ : list of float
        Mean loss of each epoch, in nats.

    n_iter_ : int
        Number of epochs.

    temperature_ : float
        Temperature at the end.

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
    TextEncoder : The model without training, or a server, or a function.
    ACETransformer : Usual next step for the vectors.

    Notes
    -----
    An item with one attribute, like every item of a list of texts, has two equal views. They then
    differ only by dropout (SimCSE). Items with equal texts count as one.

    With ``objective="next_item"`` two items that are neighbours anywhere in the rows are never
    negatives of each other. Events that are not rows of the fit are ignored, as if they had never
    happened, and so are rows of weight 0.

    With an integer as ``random_state``, equal fits in one process share one training. A search over
    the steps behind the encoder then trains once, or once per fold if rows count. Other processes
    train again.

    Differences from [1]_: whole texts are read, not the first 100 characters of each attribute. A
    learned temperature is kept positive by learning its logarithm. Gradients are clipped to norm 1,
    and the learning rate is constant.

    Callbacks of scikit-learn see every epoch and may stop the training.

    Stability: provisional.

    References
    ----------
    .. [1] Liu, Q. et al. "LLMEmb: Large Language Model Can Be a Good Embedding Generator
       for Sequential Recommendation." AAAI 2025.
    .. [2] Hu, E. J. et al. "LoRA: Low-Rank Adaptation of Large Language Models." ICLR 2022.

    Examples
    --------
    >>> from sklearn.pipeline import Pipeline
    >>> from skace import ACETransformer, SASRecEstimator
    >>> from skace.embeddings import ContrastiveTextEncoder
    >>> encoder = ContrastiveTextEncoder(
    ...     fields=["title", "brand", "category"], template="{fields}", random_state=0
    ... )
    >>> pipe = Pipeline(
    ...     [("text", encoder), ("ace", ACETransformer()), ("rec", SASRecEstimator())]
    ... )
    >>> pipe.fit(X)  # doctest: +SKIP
    """

    _parameter_constraints: ClassVar = {
        "model": [str, os.PathLike, None],
        "fields": [str, "array-like", None],
        "template": [str],
        "objective": [StrOptions({"attributes", "next_item"})],
        "hold_out_last": ["boolean"],
        "prompt": [str, None],
        "loss": [StrOptions({"hard", "soft"})],
        "temperature": [Interval(Real, 0, None, closed="neither"), None],
        "learn_temperature": ["boolean"],
        "drop_rate": [Interval(Real, 0, 1, closed="left")],
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
        model: str | os.PathLike[str] | None = None,
        *,
        fields: str | Sequence[str] | None = None,
        template: str = "{values}",
        prompt: str | None = None,
        objective: Literal["attributes", "next_item"] = "attributes",
        hold_out_last: bool = True,
        loss: Literal["hard", "soft"] = "hard",
        temperature: float | None = None,
        learn_temperature: bool = False,
        drop_rate: float = 0.4,
        lora_rank: int | None = None,
        lora_alpha: float = 32.0,
        normalize: bool = True,
        truncate_dim: int | None = None,
        missing: Literal["error", "mean", "zero"] = "error",
        batch_size: int = 64,
        learning_rate: float | None = None,
        max_epochs: int = 10,
        device: str = "auto",
        precision: Precision = "float32",
        revision: str | None = None,
        cache: str | os.PathLike[str] | None = None,
        store_weights: bool = True,
        random_state: RandomState = None,
        verbose: bool | int = False,
    ) -> None:
        self.model = model
        self.fields = fields
        self.template = template
        self.prompt = prompt
        self.objective = objective
        self.hold_out_last = hold_out_last
        self.loss = loss
        self.temperature = temperature
        self.learn_temperature = learn_temperature
        self.drop_rate = drop_rate
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
