"""The protocol by which item features enter a model."""
# SPDX-License-Identifier: BSD-3-Clause

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from sklearn.base import BaseEstimator

from skace._doc_links import DocLinkMixin
from skace._old_state import OldStateMixin
from skace._sklearn_compat import StrOptions
from skace._typing import BoolArray, ColdItems, FloatArray, IntArray

if TYPE_CHECKING:
    import numpy as np
    import torch

    from skace._torch._batches import DeviceLog
    from skace._torch.training._auxiliary import Auxiliary, Reader
    from skace.data import Interactions

__all__ = ["ItemTable", "width_asked_for"]


class ItemTable(DocLinkMixin, OldStateMixin, BaseEstimator, ABC):
    """How item features become the item vectors that a network reads and scores with.

    A table is a parameter object: cheap to make, without torch, and cloned by scikit-learn. A grid
    can set its parameters (``rec__item_table__cold_items``). Subclasses implement `width` and
    `build`.

    Parameters
    ----------
    cold_items : {"excluded", "negatives"}, default="excluded"
        Role of items without a training row. "excluded": they are neither in the softmax nor among
        negatives, so training does not push them down, and their vectors stay where the features
        put them. "negatives": they are wrong answers at every position, as in most other libraries;
        training then teaches that nobody wants them.

    Attributes
    ----------
    scores_cold : bool
        False for a table that knows nothing about items without a training row. These
        then score ``-inf``, as with any table on a catalog without features.

    reads_features : bool
        False for a table that ignores features. Its `width` and `build` then get None
        for them.

    needs_item_ids : bool
        True for a table whose `build` also takes ``item_ids``, an array with the id of
        each row.

    needs_max_length : bool
        True for a table whose `build` also takes ``max_length``, the most events of a window.

    Notes
    -----
    Stability: provisional.
    """

    scores_cold = True
    reads_features = True
    needs_item_ids = False
    needs_max_length = False

    _parameter_constraints: dict = {"cold_items": [StrOptions({"excluded", "negatives"})]}

    def __init__(self, *, cold_items: ColdItems = "excluded") -> None:
        self.cold_items = cold_items

    def width(self, n_features: int | None, embedding_dim: int | None) -> int:
        """Return the width D of the table, checked before any work.

        Parameters
        ----------
        n_features : int or None
            Width of the item features, None if there are none.

        embedding_dim : int or None
            Parameter ``embedding_dim`` of the model.

        Returns
        -------
        width : int
            Width of the table.

        Raises
        ------
        ValueError
            If features and model do not fit together.
        """
        self._validate_params()
        if n_features is None:
            return width_asked_for(embedding_dim)
        if embedding_dim is not None and embedding_dim != n_features:
            raise ValueError(
                f"embedding_dim={embedding_dim}, but the item features have {n_features} columns, "
                f"and {type(self).__name__} takes them as they are; set embedding_dim=None, or "
                f"reduce them first with ACETransformer(n_components={embedding_dim})."
            )
        return n_features

    def encoder_width(self, width: int) -> int:
        """Width that the encoder is built for, given the width D of the table.

        Parameters
        ----------
        width : int
            The result of `width`.

        Returns
        -------
        encoder_width : int
            The same as ``width``, unless the table sends its vectors through the encoder in parts.
        """
        return width

    def prepare(self, X: "Interactions", *, rng: "np.random.RandomState") -> None:
        """Learn from the rows of a fit, before `build`; a table as given learns nothing.

        Called on the copy ``item_table_`` that a fit keeps, not when that fit goes on from another
        one.

        Parameters
        ----------
        X : Interactions
            The rows that the network learns, without those held out, with their weights.

        rng : numpy.random.RandomState
            Of the fit, for whatever draws.
        """

    @abstractmethod
    def build(
        self,
        features: FloatArray | None,
        *,
        n_items: int,
        width: int,
        is_cold: BoolArray,
        generator: "torch.Generator",
    ) -> "torch.nn.Module":
        """Build the torch module. Torch may only be imported here.

        Parameters
        ----------
        features : ndarray of shape (n_items, n_features), float32, or None
            Item features in the order of the model's columns.

        n_items : int
            Number of items.

        width : int
            The result of `width`.

        is_cold : ndarray of shape (n_items,), bool
            Items without a training row, unless ``cold_items="negatives"``.

        generator : torch.Generator
            Source of randomness, on the CPU.

        Returns
        -------
        module : torch.nn.Module
            ``module()`` is the table of shape (n_items, width). See
            `skace._torch.tables._base.ItemModule` for the methods with defaults. To predict from a
            stored state, the module is built again from features of zeros, so the shapes of its
            parameters and buffers must depend on the sizes alone.
        """

    def build_auxiliary(
        self, reader: "Reader", log: "DeviceLog", users: IntArray
    ) -> "Auxiliary | None":
        """Build an additional training loss.

        Parameters
        ----------
        reader : skace._torch.training._auxiliary.Reader
            Returns states of the network, whose ``items`` are the module of this table.

        log : skace._torch._batches.DeviceLog
            Training windows.

        users : ndarray of shape (n_windows,)
            User of each window, as a number.

        Returns
        -------
        auxiliary : skace._torch.training._auxiliary.Auxiliary or None
            A mean over the epoch that is added to the mean loss; None for no additional loss.
        """


def width_asked_for(embedding_dim):
    """Width of a table that features do not decide."""
    return 128 if embedding_dim is None else embedding_dim
