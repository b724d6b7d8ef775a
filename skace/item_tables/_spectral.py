"""SpectralAdapter: learned mixtures over the whole spectrum, started from ACE."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from skace._sklearn_compat import Interval, StrOptions
from skace._typing import BoolArray, ColdItems, FloatArray
from skace.item_tables._feature_table import FeatureTable
from skace.item_tables._principal import over, principal_axes
from skace.item_tables._trained_ids import with_trained_ids

if TYPE_CHECKING:
    import torch

__all__ = ["SpectralAdapter"]


class SpectralAdapter(FeatureTable):
    r"""Mix all spectral directions of the features, starting from ACE.

    The method of SpecTran [1]_. In ACE the i-th column of the table is the i-th principal
    direction, and directions beyond the width are dropped. Here every column also learns a sparse,
    signed mixture of all directions, and a polynomial of the singular value corrects the weight of
    its own direction. A trained vector of each item is added. Initially the mixture is small and
    the correction and these vectors are 0, so the table is close to that of
    `~skace.ACETransformer`. Use raw features as input, not the output of ACE.

    Parameters
    ----------
    n_spectral : int, default=512
        Number r of directions that are used; a number above that of columns means all.

    inner_dim : int, default=512
        Width h of the two factors of the mixture. 512 agrees with the published number
        of parameters.

    n_terms : int, default=4
        Number of coefficients of the polynomial, from the constant one on.

    alpha : float in [0, inf], default=1.0
        Ridge of the initial ACE part, as in `~skace.ACETransformer`.

    alpha_mode : {"relative", "absolute"}, default="relative"
        Whether the unit of ``alpha`` is the mean eigenvalue, as in `~skace.ACETransformer`.

    normalize : bool, default=True
        Divide each row of the features by its Euclidean length first.

    init_std : float, default=0.05
        Initial standard deviation of the factors. Entries of the mixture then have
        ``init_std ** 2``, and about 5 % of them pass the threshold. So the table starts
        close to ACE, but some gradient passes; none would pass through a mixture of
        zeros.

    scale : float or None, default=0.1
        Initial standard deviation of all entries of the ACE part. None keeps the size
        that the formula gives.

    id_init : {"zeros", "normal"} or None, default="zeros"
        How the trained vectors of the items start: as 0, or with a standard deviation of 0.02. None
        leaves them out. Then nothing belongs to one item, and items with many events lose most.

    cold_items : {"excluded", "negatives"}, default="excluded"
        Whether items without a training row are left out of the softmax or are wrong answers in it.

    Notes
    -----
    With the singular value decomposition :math:`F = U S V^T` the table is

    .. math:: E = \sqrt{n} \, U (M + A)^T + B, \quad
              M = \mathrm{softshrink}_\tau(Q K^T / \sqrt{h}), \quad
              A_{ii} = g_i \Bigl(1 + \sum_{j < J} c_j (s_i / s_1)^j\Bigr),

    where Q (D x h), K (r x h), the threshold :math:`\tau > 0`, c and B (n x D) are trained, and
    :math:`g_i` is the weight of the direction in ACE. U and g are frozen.

    Choices where the paper gives no details: :math:`Q K^T` is divided by :math:`\sqrt{h}`, and the
    singular values by the largest one. The polynomial multiplies the ACE weight instead of
    replacing it, because only then does the table start as ACE for every alpha. The published model
    also has a table of item ids; whether it is added or stands beside is not known. Here it is
    added.

    The decomposition takes O(n_items d^2 + d^3) once per fit, and the table O(n_items r
    D) per step, three times that with gradients. Cold and unknown items pass exactly
    the same map and have zeros in B (cold ones not with ``cold_items="negatives"``, which trains
    them). The state holds U, the d x r map and the trained parts.

    Stability: provisional.

    References
    ----------
    .. [1] Cui et al. (2026), SpecTran: spectral-aware transformer-based adapter for
       LLM-enhanced sequential recommendation, SIGIR, :arxiv:`2601.21986`.

    Examples
    --------
    >>> from skace.item_tables import SpectralAdapter
    >>> SpectralAdapter(alpha=10)
    SpectralAdapter(alpha=10)
    """

    _parameter_constraints: dict = {
        **FeatureTable._parameter_constraints,
        "n_spectral": [Interval(Integral, 1, None, closed="left")],
        "inner_dim": [Interval(Integral, 1, None, closed="left")],
        "n_terms": [Interval(Integral, 1, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="both")],
        "alpha_mode": [StrOptions({"relative", "absolute"})],
        "normalize": ["boolean"],
        "init_std": [Interval(Real, 0, None, closed="neither")],
        "id_init": [StrOptions({"zeros", "normal"}), None],
    }

    def __init__(  # noqa: PLR0913 (a constructor has one argument per parameter)
        self,
        *,
        n_spectral: int = 512,
        inner_dim: int = 512,
        n_terms: int = 4,
        alpha: float = 1.0,
        alpha_mode: Literal["relative", "absolute"] = "relative",
        normalize: bool = True,
        init_std: float = 0.05,
        scale: float | None = 0.1,
        id_init: Literal["zeros", "normal"] | None = "zeros",
        cold_items: ColdItems = "excluded",
    ) -> None:
        super().__init__(cold_items=cold_items)
        self.n_spectral = n_spectral
        self.inner_dim = inner_dim
        self.n_terms = n_terms
        self.alpha = alpha
        self.alpha_mode = alpha_mode
        self.normalize = normalize
        self.init_std = init_std
        self.scale = scale
        self.id_init = id_init

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({"id_init": None} | state)  # as models of older files were built

    def _check_sizes(self, n_features, width):
        if n_features < width:
            raise ValueError(
                f"SpectralAdapter gives one direction of the item features to each of the {width} "
                f"columns, but they have {n_features}; set embedding_dim to at most {n_features}."
            )
        if self.n_spectral < width:
            raise ValueError(
                f"n_spectral={self.n_spectral} is less than the width {width} of the table; raise "
                "it, or lower embedding_dim."
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
        from skace._torch.tables._projected import ProjectedItems
        from skace._torch.tables._spectral import Diagonal, SpectralItems

        n_axes = min(self.n_spectral, features.shape[1])
        axes = principal_axes(features, n_axes, center=False, normalize=self.normalize)
        source = ProjectedItems(features, axes.mean, axes.whitening(), normalize=self.normalize)
        values = axes.values[:width]
        gains = self._gains(values, axes) / n_items**0.5
        if self.scale is not None:
            spread = float((source().numpy()[:, :width] * gains).std())
            gains = gains * (self.scale / spread if spread > 0 else 0.0)
        diagonal = Diagonal(gains, values / (axes.values[0] or 1.0), self.n_terms)
        items = SpectralItems(source, diagonal, self.inner_dim, self.init_std, generator)
        return with_trained_ids(
            items,
            self.id_init,
            n_items=n_items,
            width=width,
            is_cold=is_cold,
            generator=generator,
        )

    def _gains(self, values, axes):
        """Factor of ACE on each left singular vector; 0 beyond the rank."""
        if np.isinf(self.alpha):
            return values
        is_relative = self.alpha_mode == "relative"
        ridge = self.alpha * (axes.centred_trace / len(axes.mean) if is_relative else 1.0)
        return over(values, np.sqrt(values**2 + ridge))
