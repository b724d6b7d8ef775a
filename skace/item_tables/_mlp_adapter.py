"""MLPAdapter: a trained head over frozen features."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal

from skace._sklearn_compat import Interval, StrOptions
from skace._typing import BoolArray, ColdItems, FloatArray
from skace.item_tables._feature_table import FeatureTable

if TYPE_CHECKING:
    import torch

__all__ = ["MLPAdapter"]


class MLPAdapter(FeatureTable):
    """Keep the features frozen and train a small network that maps them to vectors.

    All items share the network, so it learns the value of features, not of single items. It covers
    several published models: on whitened features WhitenRec [1]_; with two views on full and group
    whitening, joined by ``FeatureUnion``, WhitenRec+; with ``activation="leaky_relu"`` on the raw
    features, the projector of AlphaRec [2]_; with ``activation=None`` a linear adapter.

    Parameters
    ----------
    n_layers : int, default=2
        Number of linear layers.

    ratio : float, default=0.5
        Width of the hidden layers divided by the width of a view.

    activation : {"relu", "leaky_relu", "gelu"} or None, default="relu"
        Activation between the layers. None makes the adapter linear.

    views : int, default=1
        Number of equal groups of columns. One network maps each group, and the results
        are summed.

    init_std : float, default=0.02
        Initial standard deviation of the weights; biases start at 0.

    scale : float or None, default=0.1
        Standard deviation of all entries of the table at the start, to which the last
        layer is scaled, so that tables can be compared at one scale; 0.1 is that of
        `~skace.ACETransformer`. None keeps the size that the random weights give.

    cold_items : {"excluded", "negatives"}, default="excluded"
        Whether items without a training row are left out of the softmax or are wrong answers in it.

    Notes
    -----
    The table is computed once per step, in O(n_items h (d + D)) for d columns, hidden width h =
    ratio d and width D, three times that with gradients. So reduce very wide features first. Cold
    and unknown items pass the network like the others. The state holds the features and the
    network.

    Stability: provisional.

    References
    ----------
    .. [1] Zhang et al. (2024), Are ID embeddings necessary? Whitening pre-trained text
       embeddings for effective sequential recommendation, ICDE, :arxiv:`2402.10602`.
    .. [2] Sheng et al. (2025), Language representations can be what recommenders need,
       ICLR, :arxiv:`2407.05441`.

    Examples
    --------
    >>> from skace.item_tables import MLPAdapter
    >>> MLPAdapter(activation="leaky_relu")
    MLPAdapter(activation='leaky_relu')
    >>> MLPAdapter(views=2).width(768, embedding_dim=None)
    128
    """

    _parameter_constraints: dict = {
        **FeatureTable._parameter_constraints,
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "ratio": [Interval(Real, 0, None, closed="neither")],
        "activation": [StrOptions({"relu", "leaky_relu", "gelu"}), None],
        "views": [Interval(Integral, 1, None, closed="left")],
        "init_std": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        n_layers: int = 2,
        ratio: float = 0.5,
        activation: Literal["relu", "leaky_relu", "gelu"] | None = "relu",
        views: int = 1,
        init_std: float = 0.02,
        scale: float | None = 0.1,
        cold_items: ColdItems = "excluded",
    ) -> None:
        super().__init__(cold_items=cold_items)
        self.n_layers = n_layers
        self.ratio = ratio
        self.activation = activation
        self.views = views
        self.init_std = init_std
        self.scale = scale

    def _check_sizes(self, n_features, width):
        if n_features % self.views:
            raise ValueError(
                f"views={self.views}, but the item features have {n_features} columns, which are "
                f"not {self.views} views of equal width; join transformers of equal width with "
                "FeatureUnion, or set views=1."
            )

    def build(
        self,
        features: FloatArray | Any,
        *,
        n_items: int,
        width: int,
        is_cold: BoolArray,
        generator: "torch.Generator",
    ) -> "torch.nn.Module":
        """Build the module; see `ItemTable.build`."""
        from skace._torch.tables._adapters import HeadItems
        from skace._torch.tables._base import as_vectors
        from skace._torch.tables._frozen import FrozenItems
        from skace._torch.tables._heads import build_head

        n_columns = features.shape[1] // self.views
        hidden = max(1, round(self.ratio * n_columns))
        widths = [n_columns, *[hidden] * (self.n_layers - 1), width]
        head = build_head(widths, self.activation, self.init_std, generator)
        items = HeadItems(FrozenItems(as_vectors(features)), head, views=self.views)
        if self.scale is not None:
            items.rescale(self.scale)
        return items
