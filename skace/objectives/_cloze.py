"""Cloze: some events of a window are masked and asked for."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Real
from typing import TYPE_CHECKING

from skace._sklearn_compat import Interval
from skace.objectives._base import Objective

if TYPE_CHECKING:
    from skace._torch._layouts import Layout

__all__ = ["Cloze"]


class Cloze(Objective):
    """Some events of a window are masked and asked for, from what stands on both sides.

    The encoder is told which places are masked (``is_masked``) and which are there
    (``is_read``), both of shape (B, T) and bool. At prediction the event after the history is
    masked.

    Parameters
    ----------
    mask_ratio : float, default=0.2
        Share of the training rows of a window that are masked, in (0, 1]; at least one is.

    finetune_ratio : float, default=0.5
        Share of the windows, drawn anew in each epoch, in which the last training row is
        masked alone and nothing after it is read, as at prediction, in [0, 1].

    Notes
    -----
    Of n rows in a window each is asked with the chance ``(1 - finetune_ratio) *
    (mask_ratio + (1 - mask_ratio) ** n / n)``, the last one with ``finetune_ratio`` more.

    Stability: experimental.

    References
    ----------
    .. [1] F. Sun et al., "BERT4Rec: sequential recommendation with bidirectional encoder
       representations from Transformer", CIKM 2019.

    Examples
    --------
    >>> from skace.objectives import Cloze
    >>> Cloze(mask_ratio=0.4)
    Cloze(mask_ratio=0.4)
    """

    _parameter_constraints: dict = {
        "mask_ratio": [Interval(Real, 0, 1, closed="right")],
        "finetune_ratio": [Interval(Real, 0, 1, closed="both")],
    }

    def __init__(self, mask_ratio: float = 0.2, *, finetune_ratio: float = 0.5) -> None:
        self.mask_ratio = mask_ratio
        self.finetune_ratio = finetune_ratio

    def build(self) -> "Layout":
        """Build the layout; see `Objective.build`."""
        from skace._torch._layouts import ClozeLayout

        self._validate_params()
        return ClozeLayout(self.mask_ratio, self.finetune_ratio)
