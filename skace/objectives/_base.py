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
    """What a network learns from a window: at which positions, and what these may see.

    An objective is a parameter object: cheap to make, without torch. A backbone names
    its objective in `NeuralRecommender._objective`. For the training loop this is the
    only difference between backbones.

    Attributes
    ----------
    is_causal : bool
        If True, the encoder at a position must not see later positions. If False, it must not see
        the target.

    Notes
    -----
    `fit` tests an untrained network on made-up windows and refuses it if it sees the target.

    Stability: experimental.
    """

    is_causal = False

    def windows(
        self, is_row: BoolArray, offsets: IntArray, max_length: int, *, overlap: bool
    ) -> Windows:
        """Cut the log into windows for training.

        Parameters
        ----------
        is_row : ndarray of shape (n_events,), dtype bool
            Which events of the log are training rows.

        offsets : ndarray of shape (n_users + 1,)
            Start of each user's events.

        max_length : int
            Most events that a window reads.

        overlap : bool
            Whether to cut long histories into windows that overlap by half. Otherwise only the last
            window of each user is learned.

        Returns
        -------
        windows : Windows
            By default every row is a target in one of them.
        """
        return cut_windows(is_row, offsets, max_length, overlap=overlap)

    @abstractmethod
    def build(self) -> "Layout":
        """Build the layout that makes batches from windows. Torch may be imported here.

        Returns
        -------
        layout : skace._torch._layouts.Layout
            What the encoder reads of a window, at which positions it predicts, and the targets.
        """
