"""AlignedAdapter: a linear adapter drawn to the item vectors of another recommender."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skace._random import seeded_clone
from skace._sklearn_compat import HasMethods, Interval, StrOptions
from skace._typing import BoolArray, ColdItems, FloatArray, IdArray
from skace._validation import first_few, kind_of_ids
from skace.data import Catalog, Interactions
from skace.exceptions import FutureLeakageWarning
from skace.item_tables._base import width_asked_for
from skace.item_tables._feature_table import FeatureTable
from skace.item_tables._id import IDTable
from skace.item_tables._principal import principal_axes
from skace.item_tables._trained_ids import with_trained_ids

if TYPE_CHECKING:
    import torch

__all__ = ["AlignedAdapter"]


class AlignedAdapter(FeatureTable):
    """Map frozen features by two linear layers that are also aligned with another model.

    The recommendation adaptation training of LLMEmb [1]_. The features are reduced to their
    principal components and pass two linear maps without an activation. A second loss aligns the
    vectors of each step's targets with those of ``reference``, a recommender of item ids that is
    trained before. The alignment of a step is spread over the rows learned in it.

    Parameters
    ----------
    alpha : float, default=0.01
        Weight of the alignment relative to the mean loss of the recommender. 0 leaves it out, and
        needs no reference.

    temperature : float, default=2.0
        Divides the logits of the alignment and multiplies the similarities that make its
        soft targets.

    n_components : int, default=1536
        Number of principal components; a number above that of columns means all.

    inner_dim : int, default=768
        Width between the two layers.

    reference : recommender, FrozenEstimator of a fitted one, or None, default=None
        A recommender with ``item_vectors_`` as wide as the table; of a pipeline the last step is
        used. An unfitted one is cloned and fitted on the rows that the network learns, so that it
        sees no row that a search or early stopping holds out; if it stops early itself, it holds
        out rows of these. Where its ``random_state`` is None, that of the network decides.
        ``partial_fit`` does not teach it. A fitted one is taken as it is, and a clone of the table
        keeps it. In the grid of a search wrap a fitted one in `sklearn.frozen.FrozenEstimator`,
        because a search clones each value, and a clone of a recommender is unfitted.

    init_std : float, default=0.02
        Initial standard deviation of the weights; biases start at 0.

    scale : float or None, default=0.1
        Initial standard deviation of all entries of the table; the last layer is scaled
        to it. None keeps the size that the random weights give.

    id_init : {"zeros", "normal"} or None, default=None
        A trained vector of each item that is added to the output of the adapter: starting as 0, or
        with a standard deviation of 0.02. None, as published, adds nothing. The alignment is that
        of the adapter alone.

    cold_items : {"excluded", "negatives"}, default="excluded"
        Whether items without a training row are left out of the softmax or are wrong answers in it.

    Attributes
    ----------
    reference_ : recommender
        The fitted clone of an unfitted ``reference``; on the ``item_table_`` of a fitted network.

    Notes
    -----
    For reference vectors X and own vectors Y of the same items, each brought to length 4, the
    alignment is the mean of the cross-entropies of ``X Y^T / temperature`` and of its transpose
    against the soft targets ``softmax((X X^T + Y Y^T) / 2 * temperature)``. The gradient passes
    through the targets too, as in the published code. That code takes vectors as they are; short
    ones, as here in the beginning, would make every item as good a target as any other, and the
    alignment would do nothing. In a step each item counts once, and at most 2048 items, drawn at
    random, are used. Items are matched by id; those that the reference does not have, or has not
    trained, are left out.

    A reference that is fitted beforehand must know only rows that the model itself may learn from:
    one fitted on all rows has seen those that a search holds out.

    The components take O(n_items d^2 + d^3) once per fit. In each step the layers are multiplied
    out first, O(D h c) for c components and inner width h; then the table takes O(n_items c D), and
    the alignment of P items O(P c D + P^2 D), three times that with gradients. Cold and unknown
    items pass the same maps and have zeros for a trained vector (cold ones not with
    ``cold_items="negatives"``, which trains them). The state holds the components of all items, the
    d x c map, the layers and trained vectors, but not the reference, which is pickled with the
    model.

    Stability: provisional.

    References
    ----------
    .. [1] Liu et al. (2025), LLMEmb: large language model can be a good embedding
       generator for sequential recommendation, AAAI, :arxiv:`2409.19925`.

    Examples
    --------
    >>> from skace import SASRecEstimator
    >>> from skace.datasets import make_shop
    >>> from skace.item_tables import AlignedAdapter, IDTable
    >>> X = make_shop(60, 50, 400, n_features=16, random_state=0).interactions
    >>> quick = {"embedding_dim": 8, "max_epochs": 1, "early_stopping": False, "random_state": 0}
    >>> ids = SASRecEstimator(item_table=IDTable(), **quick)
    >>> table = AlignedAdapter(reference=ids)
    >>> SASRecEstimator(item_table=table, **quick).fit(X).item_vectors_.shape
    (50, 8)
    """

    needs_item_ids = True

    _parameter_constraints: dict = {
        **FeatureTable._parameter_constraints,
        "alpha": [Interval(Real, 0, None, closed="left")],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "inner_dim": [Interval(Integral, 1, None, closed="left")],
        "reference": [HasMethods(["fit", "predict"]), None],
        "init_std": [Interval(Real, 0, None, closed="neither")],
        "id_init": [StrOptions({"zeros", "normal"}), None],
    }

    def __init__(  # noqa: PLR0913 (a constructor has one argument per parameter)
        self,
        *,
        alpha: float = 0.01,
        temperature: float = 2.0,
        n_components: int = 1536,
        inner_dim: int = 768,
        reference: Any = None,
        init_std: float = 0.02,
        scale: float | None = 0.1,
        id_init: Literal["zeros", "normal"] | None = None,
        cold_items: ColdItems = "excluded",
    ) -> None:
        super().__init__(cold_items=cold_items)
        self.alpha = alpha
        self.temperature = temperature
        self.n_components = n_components
        self.inner_dim = inner_dim
        self.reference = reference
        self.init_std = init_std
        self.scale = scale
        self.id_init = id_init

    def __sklearn_clone__(self):
        parameters = self.get_params(deep=False)
        reference = self.reference
        if hasattr(reference, "get_params") and not isinstance(reference, FrozenEstimator):
            # A clone of a fitted one would forget its fit.
            is_to_fit = _is_unfitted(reference)
            parameters["reference"] = clone(reference) if is_to_fit else FrozenEstimator(reference)
        return type(self)(**parameters)

    def _check_sizes(self, n_features, width):
        if self.alpha == 0:
            return
        if self.reference is None:
            raise ValueError(
                f"AlignedAdapter(alpha={self.alpha}) needs a reference to align with; pass "
                "reference=SASRecEstimator(item_table=IDTable()), or another recommender, or set "
                "alpha=0."
            )
        model = _recommender_in(self.reference)
        if _is_unfitted(self.reference):
            if not getattr(model, "_gives_vectors", True):
                _refuse_without_vectors(model)
            _check_width(_width_to_come(model, width), width)
        else:
            _check_reference(model, width)

    def prepare(self, X: Interactions, *, rng: np.random.RandomState) -> None:
        """Fit a ``reference`` that is not fitted; see `ItemTable.prepare`."""
        if self.alpha == 0 or not _is_unfitted(self.reference):
            return
        reference = seeded_clone(self.reference, rng)
        with warnings.catch_warnings():
            # The fit of the network has told of that.
            warnings.simplefilter("ignore", FutureLeakageWarning)
            try:
                self.reference_ = reference.fit(X)
            except (TypeError, ValueError) as error:
                raise type(error)(
                    f"reference, a {_name_of(reference)}, cannot be fitted on the rows that the "
                    f"network learns: {error}"
                ) from error

    def build(
        self,
        features: FloatArray | Any,
        *,
        n_items: int,
        width: int,
        is_cold: BoolArray,
        generator: "torch.Generator",
        item_ids: IdArray | None = None,
    ) -> "torch.nn.Module":
        """Build the module; see `ItemTable.build`.

        ``item_ids`` are used to find the items in the reference.
        """
        from skace._torch.tables._adapters import HeadItems
        from skace._torch.tables._alignment import AlignedItems
        from skace._torch.tables._heads import build_head
        from skace._torch.tables._projected import ProjectedItems

        if self.alpha != 0:  # raises before any work
            reference = _recommender_in(getattr(self, "reference_", self.reference))
            _check_reference(reference, width)
            vectors, is_known = _reference_vectors(reference, item_ids)
        n_components = min(self.n_components, features.shape[1])
        axes = principal_axes(features, n_components)
        source = ProjectedItems(features, axes.mean, axes.vectors)
        head = build_head([n_components, self.inner_dim, width], None, self.init_std, generator)
        items = HeadItems(source, head)
        if self.scale is not None:
            items.rescale(self.scale)
        if self.alpha != 0:
            items = AlignedItems(
                source, head, vectors, is_known, alpha=self.alpha, temperature=self.temperature
            )
        return with_trained_ids(
            items,
            self.id_init,
            n_items=n_items,
            width=width,
            is_cold=is_cold,
            generator=generator,
        )


def _recommender_in(reference):
    """The recommender behind a frozen estimator, a fitted search, a pipeline, or all of them."""
    if isinstance(reference, FrozenEstimator):
        reference = reference.estimator
    reference = getattr(reference, "best_estimator_", reference)
    return reference[-1] if isinstance(reference, Pipeline) else reference


def _is_unfitted(reference):
    """Whether a reference is to be fitted; one that is frozen has to be fitted already."""
    if isinstance(reference, FrozenEstimator) or not hasattr(reference, "get_params"):
        return False
    return not hasattr(_recommender_in(reference), "item_ids_")


def _width_to_come(model, width):
    """Width of the vectors that a recommender will have, as far as its parameters tell."""
    asked = getattr(model, "embedding_dim", None)
    if asked is None and isinstance(getattr(model, "item_table", None), IDTable):
        asked = width_asked_for(None)
    return width if asked is None else asked


def _check_reference(model, width):
    """Raise unless a recommender is fitted and has item vectors of this width."""
    name = _name_of(model)
    if not hasattr(model, "item_ids_"):
        raise ValueError(
            f"reference, a {name}, is not fitted and stays as it is; fit it first, or pass an "
            "unfitted recommender, not frozen, to have it fitted with the network."
        )
    if not hasattr(model, "item_vectors_"):
        _refuse_without_vectors(model)
    if sp.issparse(model.item_vectors_):
        raise ValueError(
            f"reference, a {name}, has sparse item_vectors_; pass a neural recommender."
        )
    _check_width(model.item_vectors_.shape[1], width)


def _refuse_without_vectors(model):
    raise ValueError(
        f"reference, a {_name_of(model)}, has no item_vectors_; pass a neural recommender."
    )


def _name_of(model):
    return type(model).__name__


def _check_width(found, width):
    """Raise unless vectors of the reference have this width."""
    if found != width:
        raise ValueError(
            f"reference has item vectors of width {found}, but the table is {width} wide; set "
            f"embedding_dim={found}, or fit the reference with embedding_dim={width}."
        )


def _reference_vectors(model, item_ids):
    """Vectors of shape (n_items, D) of a recommender, and which of them it has trained."""
    if item_ids is None:
        raise TypeError("AlignedAdapter finds items by id: build it with item_ids.")
    is_alike = kind_of_ids(item_ids) == kind_of_ids(model.item_ids_)
    rows = Catalog(model.item_ids_).row_of(item_ids) if is_alike else np.full(item_ids.size, -1)
    if (rows < 0).all():
        raise ValueError(
            f"reference knows none of the {rows.size} items: its item_ids_ begin with "
            f"{first_few(model.item_ids_)}, those of the catalog with {first_few(item_ids)}; fit "
            "it on a log of the same items."
        )
    is_cold = getattr(model, "is_cold_", np.zeros(model.item_ids_.size, dtype=bool))
    is_known = (rows >= 0) & ~is_cold[rows]
    return np.where(is_known[:, None], model.item_vectors_[rows], 0.0), is_known
