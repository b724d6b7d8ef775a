"""The protocol by which a network is asked in training."""
# SPDX-License-Identifier: BSD-3-Clause

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from sklearn.base import BaseEstimator

from skace._doc_links import DocLinkMixin
from skace._old_state import OldStateMixin
from skace._typing import BoolArray, IntArray
from skace._windows import Windows, cut_windows

if TYPE_CHECKING:
    from skace._torch._layouts import Layout

__all__ = ["Objective"]


class Objective(DocLinkMixin, OldStateMixin, BaseEstimator, ABC):
    """What a window of events is read for: which places are asked, and what they may see.

    A parameter object: cheap to make, without torch. A backbone names its objective in
    `NeuralRecommender._objective`; the training loop follows it and knows of no other
    difference between backbones.

    Attributes
    ----------
    is_causal : bool
        Whether the encoder must see nothing behind the place that it answers at. Otherwise
        it must not see the event that is asked for.

    Notes
    -----
    `fit` tries an untrained network out on made-up windows and refuses one that sees what
    it is asked for.

    Stability: experimental.
    """

    is_causal = False

    def windows(
        self, is_row: BoolArray, offsets: IntArray, max_length: int, *, overlap: bool
    ) -> Windows:
        """Cut the log into windows in which its rows are learned.

        Parameters
        ----------
        is_row : ndarray of shape (n_events,), dtype bool
            Which events of the log are training rows.

        offsets : ndarray of shape (n_users + 1,)
            Start of each user's events.

        max_length : int
            Most events that a window reads.

        overlap : bool
            Whether long histories are cut into windows that overlap by half; else only the
            last one of each user is learned.

        Returns
        -------
        windows : Windows
            By default every row is asked for in one of them.
        """
        return cut_windows(is_row, offsets, max_length, overlap=overlap)

    @abstractmethod
    def build(self) -> "Layout":
        """Build what makes batches and questions of windows; torch may be imported here.

        Returns
        -------
        layout : skace._torch._layouts.Layout
            What the encoder reads of a window, where it is asked, and what the answer is.
        """
