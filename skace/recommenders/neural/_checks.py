"""NetworkChecks: what a network refuses before any work."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.recommenders._features import check_features
from skace.recommenders._fit_rows import in_float32
from skace.recommenders._holdout import check_something_remains
from skace.recommenders.neural._event_times import check_times
from skace.recommenders.neural._fitted_table import check_same_table
from skace.recommenders.neural._second_training import check_holds_out

__all__ = ["NetworkChecks"]


class NetworkChecks:
    """Checks of a `NeuralRecommender` between its parameters and the rows."""

    def _check_before_fit(self, X, X_val, weights, *, fresh, n_passes):
        from skace._torch._runtime import resolve_device

        settings = self._settings()
        resolve_device(settings.device)
        if settings._reads_times():
            self._check_times(X, X_val, fresh=fresh)
        if n_passes is None:
            holds_out = settings.early_stopping and X_val is None
            fraction = settings.validation_fraction if holds_out else 0
            check_something_remains(X, fraction, in_float32(weights))
            if settings.train_on_held_out:
                check_holds_out(X, X_val, in_float32(weights), settings.early_stopping)
        table = self._table()
        if table.reads_features:
            check_features(X.catalog.features)
        if fresh:
            width = table.width(self._n_features_read(X.catalog), settings.embedding_dim)
            self._check_width(table.encoder_width(width))
        else:
            self._check_architecture()
            self._check_growth(X)
        if getattr(table, "sparse", False):  # third parties need not have it
            _check_sparse(self._loss(), settings.weight_decay)

    def _check_times(self, X, X_val, *, fresh):
        """Raise unless all events have times of one kind."""
        times = X._log.timestamps
        are_dates = None if fresh else getattr(self, "times_are_dates_", None)
        check_times(times, "X", are_dates=are_dates)
        if X_val is not None:
            check_times(X_val._log.timestamps, "X_val", are_dates=times.dtype.kind == "M")

    def _check_width(self, width):
        """Raise if the encoder cannot have this width."""

    def _check_architecture(self):
        """Raise if a parameter asks for another network than the fitted one."""
        fitted = self.architecture_ | {"embedding_dim": self.item_vectors_.shape[1]}
        now = self._shape() | {"embedding_dim": self._settings().embedding_dim}
        for name, value in fitted.items():
            wanted = now[name]
            if wanted != value and (name, wanted) != ("embedding_dim", None):
                raise ValueError(
                    f"{name}={wanted!r}, but the fitted network, which is to be trained on, has "
                    f"{name}={value!r}; set it back, or fit anew with warm_start=False."
                )
        check_same_table(self._table(), self.item_table_)

    def _check_growth(self, X):
        """Raise if new items cannot join the fitted table."""
        n_features = X.catalog.n_features
        if self.n_item_features_ is None:
            return
        if n_features == self.n_item_features_:
            if not self._has_fitted_features(X.catalog):
                raise ValueError(
                    "the item features are not those of the fit: items that the model knows have "
                    "other ones now; transform X with the transformers as they were fitted then, "
                    "or fit anew with warm_start=False."
                )
            return
        if n_features is not None:
            raise ValueError(
                f"the item features have {n_features} columns, but the model was fitted on "
                f"{self.n_item_features_}; transform X with the fitted transformers first."
            )
        n_new = int((self._columns_of(X) < 0).sum())
        if n_new:
            raise ValueError(
                f"{n_new} new item(s) come without features, but the model was fitted with "
                "features; give X a catalog that has them."
            )


def _check_sparse(loss, weight_decay):
    """Raise if training would touch more rows of a table with ``sparse=True`` than it reads.

    Parameters
    ----------
    loss : Loss
        What is minimised.

    weight_decay : float
        Of all parameters.

    Raises
    ------
    ValueError
        If all items compete in the loss, there is weight decay, or several processes train.
    """
    from skace._torch.training._parallel import Ranks

    if getattr(loss, "updates_all_items", True):  # third parties need not say
        raise ValueError(
            f"item_table has sparse=True, but with loss={loss!r} every step updates all items; set "
            "loss=SampledSoftmax() or another loss of skace.losses that draws, or "
            "item_table__sparse=False."
        )
    if weight_decay > 0:
        raise ValueError(
            f"item_table has sparse=True, but weight_decay={weight_decay:g} shrinks all items at "
            "every step; set weight_decay=0, or item_table__sparse=False."
        )
    if Ranks.current().size > 1:
        raise ValueError(
            "item_table has sparse=True, whose gradients are not exchanged between processes; "
            "train in one process, or set item_table__sparse=False."
        )
