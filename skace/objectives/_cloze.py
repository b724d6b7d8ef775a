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
    """Predict masked events of a window from the events on both sides.

    The encoder gets ``is_masked``, which positions are masked, and ``is_read``, which positions
    hold an event, both bool of shape (B, T). At prediction the event after the history is masked.

    Parameters
    ----------
    mask_ratio : float, default=0.2
        Share of the training rows of a window that are masked, in (0, 1]. At least one row is
        masked.

    finetune_ratio : float, default=0.5
        Share of the windows, in [0, 1], drawn anew in each epoch, in which only the last training
        row is masked and nothing after it is read, as at prediction.

    Notes
    -----
    In a window of n rows, each row is masked with the probability ``(1 - finetune_ratio) *
    (mask_ratio + (1 - mask_ratio) ** n / n)``. For the last row, ``finetune_ratio`` is added.

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
