"""NetworkBuilding: encoder and item table of a fit, checked, or grown by new items."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from sklearn.base import clone

__all__ = ["NetworkBuilding"]

_SAMPLED_ITEMS = 16  # items whose features tell whether a catalog is the one of the fit


class NetworkBuilding:
    """Networks of a `NeuralRecommender`, before training."""

    def _prepare_table(self, fit):
        """Keep a copy of the table, which later changes of the parameter do not reach.

        It may fit models, in threads too: not where torch's generators are held.
        """
        # Tables of third parties need not be estimators, and are copied as they are.
        self.item_table_ = clone(self._table(), safe=False)
        prepare = getattr(self.item_table_, "prepare", None)
        if prepare is not None:
            prepare(fit.rows_to_learn, rng=fit.rng)

    def _build_network(self, fit, generator):
        """Fresh network, or the fitted one grown by the new items."""
        rows = fit.rows
        if rows.is_fresh:
            self.n_item_features_ = self._n_features_read(rows.X.catalog)
            width = self._table().width(self.n_item_features_, self._settings().embedding_dim)
            self.architecture_ = self._shape()
        else:
            width = self.item_vectors_.shape[1]
        features = self._features_by_column(rows.X.catalog, rows.columns)
        if rows.is_fresh and features is not None:
            self.feature_sample_ = features[:_SAMPLED_ITEMS].copy()
        network = self._assemble(width, features, generator)
        if rows.is_fresh:
            self._refuse_foresight(network, width)
        else:
            network.load(self.encoder_state_, self.item_table_state_, may_grow=True)
        network.items.remember_cold()
        return network.to(fit.device)

    def _rebuild_network(self):
        """The fitted network, from its weights as numpy arrays."""
        from skace._torch._runtime import private_generator, resolve_device

        features = None
        if self.n_item_features_ is not None:
            features = np.zeros((self.item_ids_.size, self.n_item_features_), dtype=np.float32)
        # Building draws random numbers, which the stored state replaces.
        with private_generator(0, resolve_device("cpu")) as generator:
            network = self._assemble(self.item_vectors_.shape[1], features, generator)
        network.load(self.encoder_state_, self.item_table_state_)
        return network.to(resolve_device(self._settings().device, fallback=True)).eval()

    def _assemble(self, width, features, generator):
        """Encoder and item table, untrained, on the CPU."""
        from skace._torch._network import Network

        table, built = self.item_table_, self._as_built()
        max_length = built._settings().max_length
        items = table.build(
            features,
            n_items=self.item_ids_.size,
            width=width,
            is_cold=self._spared(),
            generator=generator,
            **({"item_ids": self.item_ids_} if table.needs_item_ids else {}),
            **({"max_length": max_length} if table.needs_max_length else {}),
        )
        encoder = built._build_encoder(table.encoder_width(width))
        return Network(encoder, items, max_length, built._objective().build())

    def _as_built(self):
        """Copy whose parameters shape the network as they did in `fit`, if they were set since."""
        built = object.__new__(type(self))
        vars(built).update(vars(self) | self.architecture_)
        return built

    def _refuse_foresight(self, network, width):
        """Raise if the untrained network sees what it is asked for."""
        objective = self._objective()
        found = self._first_sighting(network, width)
        if found is None:
            return
        what = "anything behind it" if objective.is_causal else "the event that is asked for"
        raise ValueError(
            f"{type(self).__name__} learns with {objective!r}, by which a place of a window must "
            f"not see {what}, but in a window of {found.length} events the state at place "
            f"{found.place} changes with that. Mask it in the encoder, or name the objective that "
            "suits the encoder in _objective: NextItem() for a causal one, LastItem() for one that "
            "mixes all places, Cloze() for one that fills gaps."
        )

    def _first_sighting(self, network, width, *, perturb=True):
        """Place of a window that sees what it is asked for, or None."""
        from skace._torch._probe import first_sighting, made_up_log

        objective, max_length = self._objective(), self._settings().max_length
        windows = objective.windows(*made_up_log(max_length), max_length, overlap=True)
        is_causal = objective.is_causal
        return first_sighting(network, windows, width, is_causal=is_causal, perturb=perturb)

    def _foresight(self):
        """Place of a window that sees what it is asked for, with the learned weights, or None."""
        width = self.item_vectors_.shape[1]
        return self._first_sighting(self._fitted_network(), width, perturb=False)

    def _spared(self):
        """Items that training leaves alone: the cold ones, unless they are negatives."""
        if self.item_table_.cold_items == "excluded":
            return self.is_cold_
        return np.zeros_like(self.is_cold_)

    def _features_by_column(self, catalog, columns):
        """Features in the order of the model's columns; rows of absent items are zero."""
        if self.n_item_features_ is None:
            return None
        features = np.zeros((self.item_ids_.size, self.n_item_features_), dtype=np.float32)
        if catalog.features is not None:
            features[columns] = catalog.features
        return features
