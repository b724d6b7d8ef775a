"""DualViewTable: what the text says and what the log says, side by side."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, cast

from skace._sklearn_compat import Interval
from skace._typing import BoolArray, ColdItems, FloatArray, IntArray
from skace.item_tables._feature_table import FeatureTable
from skace.item_tables._principal import principal_axes

if TYPE_CHECKING:
    import torch

    from skace._torch._batches import DeviceLog
    from skace._torch.tables._adapters import HeadItems
    from skace._torch.training._auxiliary import Auxiliary, Reader

__all__ = ["DualViewTable"]


class DualViewTable(FeatureTable):
    r"""Give each item a frozen semantic and a trained collaborative half.

    The dual-view modelling of LLM-ESR [1]_. The semantic half is a linear adapter over the frozen
    features. The collaborative half starts from their principal components and is trained item by
    item. In a window each view attends to the other (cross-attention), what it finds is added, and
    both pass the same encoder. The two states, side by side, are compared with the two halves of
    the items. With ``distillation`` the state of a user is also drawn to those of users with
    similar histories.

    Parameters
    ----------
    ratio : float, default=0.5
        Inner width of the semantic adapter over that of the features.

    n_heads : int, default=2
        Heads of the cross-attention; the number must divide half the width of the table.

    init_std : float, default=0.02
        Initial standard deviation of the adapter's weights; biases start at 0.

    residual : bool, default=True
        Whether the cross-attention is added to the view that it is for. False, as published, lets
        it stand in place of the view. Being causal, it then makes every event a mixture of those
        before, and the encoder never sees an event itself.

    positions : bool, default=True
        Whether a trained vector of each place of a window, the same for both views, is added in
        front of the cross-attention, as published.

    scale : float or None, default=0.1
        Initial standard deviation of all entries of each half. None does not scale the
        principal components and the adapter's output.

    distillation : float, default=0.0
        Weight of the retrieval-augmented self-distillation relative to the mean loss of
        the recommender; 0.1 in the paper. 0 leaves it out, at no cost.

    n_retrieved : int, default=10
        Number of similar users whose mean state a user is drawn to.

    cold_items : {"excluded", "negatives"}, default="excluded"
        Whether items without a training row are left out of the softmax or are wrong answers in it.

    Notes
    -----
    The encoder is built for half the width of the table and runs twice.

    Differences from the published code: the cross-attention is causal, like the encoder. Otherwise
    a position would see its own target, because every position is trained. It has a residual
    (``residual``). Dropout comes behind it, in the encoder, not in front. An encoder with absolute
    positions adds its own as well.

    The self-distillation adds

    .. math:: \frac{a}{|B| D} \sum_{w \in B} \Bigl\lVert h_w - \mathrm{sg}\Bigl(
              \frac{1}{|N_w|} \sum_{v \in N_w} h_v\Bigr) \Bigr\rVert^2

    to the mean loss of an epoch. Here a is ``distillation``, B are the windows of the epoch that
    have similar windows (each counts the same, whatever the weights of its rows), :math:`h_w` is
    the state after all events that training reads in a window (width D), :math:`N_w` are the
    ``n_retrieved`` most similar windows of other users, and sg stops the gradient. Similarity is
    the cosine between mean item features. (The paper compares texts about users that a language
    model wrote, which a log of items does not have.) A user with more than ``max_length`` events
    has several windows, each with its own similar windows. In `partial_fit` these come from the new
    rows. Retrieval takes O(W^2 d) once per fit for W windows, in blocks of 64 MiB. For each of its
    windows a step reads up to ``n_retrieved`` further windows, without gradients.

    The collaborative half is stored as its initial value plus a trained difference, so
    ``weight_decay`` draws it to the initial value. Cold items keep this value. Unknown
    items get the same: their principal components and their adapted features.

    The components take O(n_items d^2 + d^3) once per fit. In each step the layers of the adapter
    are multiplied out first, O(D h d) for d columns and inner width h; then the table takes
    O(n_items d D), three times that with gradients. The cross-attention takes as much as an
    attention layer of half the width on each view. The state holds the features and both halves.

    Stability: provisional.

    References
    ----------
    .. [1] Liu et al. (2024), LLM-ESR: large language models enhancement for long-tailed
       sequential recommendation, NeurIPS, :arxiv:`2405.20646`.

    Examples
    --------
    >>> from skace.item_tables import DualViewTable
    >>> table = DualViewTable()
    >>> table.encoder_width(table.width(1536, embedding_dim=128))
    64
    """

    needs_max_length = True

    _parameter_constraints: dict = {
        **FeatureTable._parameter_constraints,
        "ratio": [Interval(Real, 0, None, closed="neither")],
        "n_heads": [Interval(Integral, 1, None, closed="left")],
        "init_std": [Interval(Real, 0, None, closed="neither")],
        "residual": ["boolean"],
        "positions": ["boolean"],
        "distillation": [Interval(Real, 0, None, closed="left")],
        "n_retrieved": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(  # noqa: PLR0913 (a constructor has one argument per parameter)
        self,
        *,
        ratio: float = 0.5,
        n_heads: int = 2,
        init_std: float = 0.02,
        residual: bool = True,
        positions: bool = True,
        scale: float | None = 0.1,
        distillation: float = 0.0,
        n_retrieved: int = 10,
        cold_items: ColdItems = "excluded",
    ) -> None:
        super().__init__(cold_items=cold_items)
        self.ratio = ratio
        self.n_heads = n_heads
        self.init_std = init_std
        self.residual = residual
        self.positions = positions
        self.scale = scale
        self.distillation = distillation
        self.n_retrieved = n_retrieved

    def __setstate__(self, state: dict[str, Any]) -> None:
        # As models of older files were built.
        super().__setstate__({"residual": False, "positions": False} | state)

    def encoder_width(self, width: int) -> int:
        """Half the width of the table; see `ItemTable.encoder_width`."""
        return width // 2

    def _check_sizes(self, n_features, width):
        if width % 2:
            raise ValueError(
                f"DualViewTable has two equal halves, but the width is {width}; set an even "
                "embedding_dim."
            )
        half = width // 2
        if half % self.n_heads:
            raise ValueError(
                f"n_heads={self.n_heads} of DualViewTable does not divide {half}, half the width "
                "of the table; choose another n_heads or embedding_dim."
            )
        if n_features < half:
            raise ValueError(
                f"DualViewTable takes {half} principal components of the item features, which have "
                f"{n_features} columns; set embedding_dim to at most {2 * n_features}."
            )

    def build(
        self,
        features: FloatArray | Any,
        *,
        n_items: int,
        width: int,
        is_cold: BoolArray,
        generator: "torch.Generator",
        max_length: int = 50,
    ) -> "torch.nn.Module":
        """Build the module; see `ItemTable.build`.

        ``max_length`` is the most events of a window.
        """
        from skace._torch.tables._adapters import HeadItems
        from skace._torch.tables._base import as_vectors
        from skace._torch.tables._dual_view import DualViewItems
        from skace._torch.tables._frozen import FrozenItems
        from skace._torch.tables._heads import build_head

        n_features, half = features.shape[1], width // 2
        widths = [n_features, max(1, round(self.ratio * n_features)), half]
        head = build_head(widths, None, self.init_std, generator)
        semantic = HeadItems(FrozenItems(as_vectors(features)), head)
        if self.scale is not None:
            semantic.rescale(self.scale)
        collaborative = self._build_collaborative(features, half, is_cold, generator)
        return DualViewItems(
            collaborative,
            semantic,
            width,
            self.n_heads,
            generator,
            residual=self.residual,
            # One more: a window of BERT4Rec also holds the event that is asked for.
            n_places=max_length + 1 if self.positions else 0,
        )

    def build_auxiliary(
        self, reader: "Reader", log: "DeviceLog", users: IntArray
    ) -> "Auxiliary | None":
        """Build the self-distillation, if any; see `ItemTable.build_auxiliary`."""
        if self.distillation == 0 or users.size == 0:
            return None
        from skace._torch.training._self_distillation import (
            SelfDistillation,
            mean_features,
            similar_windows,
        )

        semantic = cast("HeadItems", reader.network.items.semantic).source()
        vectors = mean_features(
            log.items.cpu().numpy(),
            log.bounds[0].cpu().numpy(),
            log.lengths,
            semantic.cpu().numpy(),
        )
        vectors = semantic.new_tensor(vectors)
        similar = similar_windows(vectors, users, self.n_retrieved)
        return SelfDistillation(reader, log, similar, self.distillation)

    def _build_collaborative(self, features, half, is_cold, generator):
        """Principal components plus a trained difference."""
        from skace._torch.tables._adapters import OffsetItems
        from skace._torch.tables._base import random_vectors
        from skace._torch.tables._projected import ProjectedItems
        from skace._torch.tables._trainable import TrainableItems

        axes = principal_axes(features, half)
        factor = 1.0 if self.scale is None else self.scale / (axes.spread() or 1.0)
        start = ProjectedItems(features, axes.mean, factor * axes.vectors)
        zeros = random_vectors(len(features), half, 0.0, generator)
        return OffsetItems(start, TrainableItems(zeros, is_cold))
