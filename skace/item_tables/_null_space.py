"""NullSpaceTable: frozen semantics, trained ids where the features say little."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal

from skace._sklearn_compat import Interval, StrOptions
from skace._typing import BoolArray, ColdItems, FloatArray
from skace.item_tables._feature_table import FeatureTable
from skace.item_tables._principal import principal_axes

if TYPE_CHECKING:
    import torch

__all__ = ["NullSpaceTable"]


class NullSpaceTable(FeatureTable):
    r"""Freeze the standardised features and train ids in the directions of least variance.

    The method of AlphaFuse [1]_. The features are centred, rotated to their principal axes, cut to
    the width of the model and scaled to the same variance in every column. This part is not
    trained. A trained vector per item is added to the last columns, in which the features vary
    least. So training on the log does not overwrite the information from the text.

    Parameters
    ----------
    id_dim : int, default=64
        Number of columns, the last ones of the table, that a trained vector is added to.

    cover : bool, default=False
        Replace these columns with the trained vector, instead of adding it.

    id_init : {"zeros", "normal"}, default="zeros"
        Initial value of the trained part. "zeros": the table starts as the standardised features.
        "normal": random numbers of the size of these features.

    scale : float, default=0.1
        Standard deviation of each column of the frozen part, and of the trained one for
        ``id_init="normal"``. Published: 1, with a cosine and a temperature that bound the logits.
        The losses here use plain inner products, which would be far too large for initial entries
        of 1; `~skace.ACETransformer` uses 0.1, too. The optimiser moves an entry by about the
        learning rate, whatever the scale, so a scale of 0.1 needs a tenth of the published learning
        rate.

    cold_items : {"excluded", "negatives"}, default="excluded"
        Whether items without a training row are left out of the softmax or are wrong answers in it.

    Notes
    -----
    With centred features of covariance :math:`V \Lambda V^T` the frozen part is

    .. math:: T = c \, (F - \mu) \, V_D \, \Lambda_D^{-1/2}.

    The variance is that of all items (divisor n). Directions beyond the rank of the features are
    columns of zeros, not of amplified rounding errors. The published threshold on eigenvalues,
    which decides how many columns are null, is left out: it fits only one scale of the features,
    and the size of the model would depend on the data.

    The axes take O(n_items d^2 + d^3) once per fit; a step reads and writes n_items x D
    numbers. Cold and unknown items have the frozen part and zeros in the trained part.
    The state holds both parts and the d x D map.

    Stability: provisional.

    References
    ----------
    .. [1] Hu et al. (2025), AlphaFuse: learn ID embeddings for sequential recommendation
       in null space of language embeddings, SIGIR, :arxiv:`2504.19218`.

    Examples
    --------
    >>> from skace.item_tables import NullSpaceTable
    >>> NullSpaceTable(id_dim=32, cover=True)
    NullSpaceTable(cover=True, id_dim=32)
    """

    _parameter_constraints: dict = {
        **FeatureTable._parameter_constraints,
        "id_dim": [Interval(Integral, 1, None, closed="left")],
        "cover": ["boolean"],
        "id_init": [StrOptions({"zeros", "normal"})],
        "scale": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        id_dim: int = 64,
        cover: bool = False,
        id_init: Literal["zeros", "normal"] = "zeros",
        scale: float = 0.1,
        cold_items: ColdItems = "excluded",
    ) -> None:
        super().__init__(cold_items=cold_items)
        self.id_dim = id_dim
        self.cover = cover
        self.id_init = id_init
        self.scale = scale

    def _check_sizes(self, n_features, width):
        if n_features < width:
            raise ValueError(
                f"NullSpaceTable takes {width} principal axes of the item features, which have "
                f"{n_features} columns; set embedding_dim to at most {n_features}."
            )
        if self.id_dim > width:
            raise ValueError(
                f"id_dim={self.id_dim} exceeds the width {width} of the table; lower it, or raise "
                "embedding_dim."
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
        from skace._torch.tables._adapters import OffsetItems
        from skace._torch.tables._base import random_vectors
        from skace._torch.tables._projected import ProjectedItems
        from skace._torch.tables._trainable import TrainableItems

        axes = principal_axes(features, width)
        semantic = ProjectedItems(features, axes.mean, self.scale * axes.whitening())
        std = self.scale if self.id_init == "normal" else 0.0
        ids = random_vectors(n_items, self.id_dim, std, generator)
        ids[is_cold] = 0.0
        return OffsetItems(semantic, TrainableItems(ids, is_cold), covers=self.cover)
