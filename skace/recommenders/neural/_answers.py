"""NetworkAnswers: what a fitted network is asked, and the state that is kept of it."""
# SPDX-License-Identifier: BSD-3-Clause

import copy
from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from skace.recommenders._features import has_features_of

__all__ = ["NetworkAnswers"]


class NetworkAnswers:
    """Predictions of a `NeuralRecommender` by its network."""

    def _fitted_network(self):
        """The network in use; rebuilt from the stored state after unpickling."""
        if getattr(self, "_network", None) is None:
            self._network = self._rebuild_network()
        return self._network

    def _network_state(self):
        """Attributes that keep the network, as numpy arrays."""
        return self._network.state()

    def _fitted_state(self):
        return super()._fitted_state() | self._network_state()

    def _with_state(self, state):
        """Copy of this model with another state of its network."""
        other = copy.copy(self)
        vars(other).update(state)
        vars(other).pop("_network", None)
        return other

    def _embeddable_features(self, catalog):
        is_dense = catalog.n_features is not None and not sp.issparse(catalog.features)
        if not is_dense or catalog.n_features != self.n_item_features_:
            return None
        return catalog.features if self._has_fitted_features(catalog) else None

    def _has_fitted_features(self, catalog):
        """Whether the features are those of the fit, as far as the catalog has the sample."""
        sample = self.feature_sample_
        return has_features_of(catalog, self.item_ids_[: len(sample)], sample)

    def _read_ahead(self, histories):
        # Rows of like length are read together; among more rows there are more of them.
        filled = np.flatnonzero(histories.lengths > 0)
        if filled.size == 0:
            return histories
        found = self._encode(histories.take(filled))
        states = np.zeros((len(histories), found.shape[1]), dtype=np.float32)
        states[filled] = found
        return replace(histories, states=states)

    def _unscored(self):
        # Without features there is nothing to score them by.
        is_scored = self.item_table_.scores_cold and self.n_item_features_ is not None
        return None if is_scored else self.is_cold_

    def _encode(self, histories):
        if histories.states is not None:
            return histories.states
        return self._fitted_network().encode(
            histories.items,
            histories.starts,
            histories.ends,
            histories.extra_features,
            self._in_median_gaps(histories.times),
        )

    def _score(self, histories, columns=None):
        states = self._encode(histories)
        return self._fitted_network().inner_products(states, columns)
