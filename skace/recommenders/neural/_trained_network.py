"""TrainedNetwork: a network kept as numpy arrays, rebuilt from them, and asked."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from skace.recommenders._features import has_features_of

__all__ = ["TrainedNetwork"]


class TrainedNetwork:
    """State and answers of a `NeuralRecommender` after training."""

    def _network_state(self):
        """Trained state as numpy arrays."""
        from skace._torch._state import state_as_numpy, table_as_numpy

        table_state = state_as_numpy(self._network.items)
        return {
            "encoder_state_": state_as_numpy(self._network.encoder),
            "item_table_state_": table_state,
            "item_vectors_": table_as_numpy(self._network.items, table_state),
        }

    def _store_state(self):
        for name, value in self._network_state().items():
            setattr(self, name, value)

    def _fitted_state(self):
        return super()._fitted_state() | self._network_state()

    def _fitted_network(self):
        """The network in use; rebuilt from the stored state after unpickling."""
        if getattr(self, "_network", None) is None:
            self._network = self._rebuild_network()
        return self._network

    def _rebuild_network(self):
        from skace._torch._runtime import private_generator, resolve_device
        from skace._torch._state import load_state

        width = self.item_vectors_.shape[1]
        features = None
        if self.n_item_features_ is not None:
            features = np.zeros((self.item_ids_.size, self.n_item_features_), dtype=np.float32)
        # Building draws random numbers, which the stored state replaces.
        with private_generator(0, resolve_device("cpu")) as generator:
            network = self._assemble(width, features, generator)
        load_state(network.encoder, self.encoder_state_)
        load_state(network.items, self.item_table_state_)
        return network.to(resolve_device(self.device, fallback=True)).eval()

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

    def _encode(self, histories):
        if histories.states is not None:
            return histories.states
        return self._fitted_network().encode(
            histories.items, histories.starts, histories.ends, histories.extra_features
        )

    def _score(self, histories, columns=None):
        states = self._encode(histories)
        return self._fitted_network().inner_products(states, columns)
