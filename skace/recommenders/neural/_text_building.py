"""TextBuilding: ids in words, passages and network of `GRAMTextEstimator`."""
# SPDX-License-Identifier: BSD-3-Clause

import json
import warnings

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils import check_random_state

from skace._random import seeded_clone
from skace.embeddings import SemanticIdEncoder, TextEncoder
from skace.exceptions import FutureLeakageWarning
from skace.item_tables import IDTable
from skace.metrics._target_ranks import final_estimator
from skace.recommenders._similar import similar_items
from skace.recommenders.neural._id_words import IdWords, distinct_ids
from skace.recommenders.neural._item_codes import fit_ids, item_codes
from skace.recommenders.neural._item_texts import ItemTexts
from skace.recommenders.neural._sasrec import SASRecEstimator
from skace.recommenders.neural._text_tokens import TextTokens

__all__ = ["TextBuilding"]

_MOST_CLUSTERS, _N_LEVELS = 128, 7  # as published for Amazon Beauty
_FEWEST_ITEMS = 4  # of a cluster of the default, on average
_BEFORE, _BETWEEN, _AFTER = "What would user purchase after", ";", "?"


class TextBuilding:
    """What a `GRAMTextEstimator` makes of a catalog before it trains."""

    # Network.

    def _prepare_table(self, fit):
        """A language model scores by words: it has no table."""

    def _build_network(self, fit, generator):
        """The loaded network, or the fitted one, with the ids of all items set."""
        rows = fit.rows
        if not rows.is_fresh:
            network = self._rebuild_network(fit.device)
            self._add_ids(rows)
            return network
        from skace._torch.generation._fusion import FusionNetwork
        from skace._torch.generation._t5 import load_t5

        t5, origin = load_t5(str(self.model))
        self.config_, self.tokenizer_ = origin.config, origin.tokenizer
        self.special_tokens_ = origin.special
        self.architecture_ = {name: getattr(self, name) for name in self._architecture}
        self._learn_ids(rows.X.catalog, generator)
        return FusionNetwork(t5, self._n_places(), origin.special["start"]).to(fit.device)

    def _n_places(self):
        """Places of passages: the user's, and one for each event."""
        has_places = self.architecture_["passage_positions"]
        return self.architecture_["max_length"] + 1 if has_places else 0

    def _rebuild_network(self, device):
        """Network with the stored weights."""
        from skace._torch._runtime import private_generator, resolve_device
        from skace._torch.generation._fusion import FusionNetwork
        from skace._torch.generation._t5 import build_t5, load_weights

        self._check_tokens()
        is_tied = "t5.lm_head.weight" not in self.network_state_
        # Building draws random numbers, which the stored state replaces.
        with private_generator(0, resolve_device("cpu")):
            t5 = build_t5(self.config_, is_tied=is_tied)
            network = FusionNetwork(t5, self._n_places(), self.special_tokens_["start"])
        load_weights(network, self.network_state_)
        return network.to(device)

    def _check_tokens(self):
        """Raise if a stored token is none of the network's, as in a file that was changed."""
        n_tokens = json.loads(self.config_)["vocab_size"]
        if self.token_rarity_.size != n_tokens:
            raise ValueError(
                f"token_rarity_ holds {self.token_rarity_.size} numbers, but the network reads "
                f"{n_tokens} tokens; the model was changed after its fit. Fit it anew, or fetch "
                "its file again."
            )
        parts = {name: getattr(self, name) for name in ("id_tokens_", "passage_tokens_")}
        parts["special_tokens_"] = np.array([*self.special_tokens_.values()])
        for name, tokens in parts.items():
            if tokens.size and not (tokens.min() >= -1 and tokens.max() < n_tokens):
                raise ValueError(
                    f"{name} holds tokens outside of the {n_tokens} that the network reads; the "
                    "model was changed after its fit. Fit it anew, or fetch its file again."
                )

    # Ids.

    def _reader(self):
        """What makes tokens of texts."""
        return TextTokens(self.tokenizer_, self.special_tokens_["unknown"])

    def _default_ids(self, n_clusters):
        """What None as ``semantic_ids`` stands for."""
        return make_pipeline(TextEncoder(), SemanticIdEncoder(n_clusters, n_levels=_N_LEVELS))

    def _learn_ids(self, catalog, generator):
        """Set codes, words and ids of all items."""
        texts = ItemTexts(catalog, self.fields)
        self.fields_ = texts.fields
        ids = self.semantic_ids
        if ids is None:
            most = max(1, catalog.n_items // _FEWEST_ITEMS)
            ids = self._default_ids(min(_MOST_CLUSTERS, most))
        rng = check_random_state(generator.initial_seed() % 2**32)
        given = np.array(texts.plain, dtype=object)
        self.semantic_ids_ = fit_ids(ids, given, rng)
        self.item_codes_ = item_codes(self.semantic_ids_, given)
        reader = self._reader()
        n_tokens = json.loads(self.config_)["vocab_size"]
        words = IdWords.learn(self.item_codes_, texts.plain, reader, n_tokens)
        self.token_rarity_ = words.rarity
        self._keep_words(words)
        paths = [words.path(tuple(codes)) for codes in self.item_codes_.tolist()]
        order = _order_of(texts, catalog)
        self.id_tokens_ = self._as_table(_numbered(paths, order, set(), reader))

    def _add_ids(self, rows):
        """Give new items ids that no other has."""
        catalog = _new_items(rows.X.catalog, rows.columns, len(self.item_codes_))
        if catalog is None:
            return
        texts = ItemTexts(catalog, self.fields_)
        given = np.array(texts.plain, dtype=object)
        codes = item_codes(self.semantic_ids_, given, self.item_codes_.shape[1])
        words = IdWords.of_arrays(self.node_codes_, self.node_tokens_, self.token_rarity_)
        reader = self._reader()
        order = _order_of(texts, catalog)
        for row in order:
            words.add(tuple(codes[row].tolist()), reader.words_of(texts.plain[row]))
        self._keep_words(words)
        paths = [words.path(tuple(row)) for row in codes.tolist()]
        taken = {_tokens_of(row) for row in self.id_tokens_}
        ids = _numbered(paths, order, taken, reader)
        self.item_codes_ = np.concatenate([self.item_codes_, codes])
        self.id_tokens_ = self._as_table([*map(_tokens_of, self.id_tokens_), *ids])

    def _keep_words(self, words):
        self.node_codes_, self.node_tokens_ = words.as_arrays(self.item_codes_.shape[1])

    def _as_table(self, lists):
        """Lists of tokens as one array of int32, -1 behind the end of each."""
        from skace._torch.generation._passages import padded

        return padded(lists).astype(np.int32)

    # Passages.

    def _write_passages(self, fit):
        """Set the passages of items that have none: ids, similar items, texts."""
        rows = fit.rows
        catalog, columns = rows.X.catalog, rows.columns
        if rows.is_fresh:
            similar, known = self._similar(fit), []
        else:
            known = [*map(_tokens_of, self.passage_tokens_)]
            catalog = _new_items(catalog, columns, len(known))
            if catalog is None:
                return
            similar = [[]] * catalog.n_items
        named = ItemTexts(catalog, self.fields_).named
        passages = self._passages_of(named, len(known), similar)
        self.passage_tokens_ = self._as_table([*known, *passages])

    def _passages_of(self, named, first, similar):
        """Tokens of the passages of items from column ``first`` on."""
        from skace._torch.generation._passages import cut

        reader = self._reader()
        item, alike, comma = map(reader.of, ("item:", "; similar items:", ","))
        end, length = self.special_tokens_["end"], self.architecture_["passage_length"]
        passages = []
        for number, (text, others) in enumerate(zip(named, similar, strict=True)):
            tokens = [*item, *_tokens_of(self.id_tokens_[first + number])]
            for place, other in enumerate(others):
                tokens += comma if place else alike
                tokens += _tokens_of(self.id_tokens_[other])
            passages.append(cut(tokens + reader.of(f"; {text}"), length, end))
        return passages

    def _similar(self, fit):
        """Columns of the items most similar to each, by what was done with them."""
        learned, n_items = fit.rows_to_learn, self.item_ids_.size
        k = min(self.n_neighbors, n_items - 1)
        has_past = learned._starts < learned._ends
        teaches = has_past if learned.weights is None else has_past & (learned.weights > 0)
        if k == 0 or not teaches.any():
            return [[]] * n_items
        with warnings.catch_warnings():
            # Our own fit has told of that.
            warnings.simplefilter("ignore", FutureLeakageWarning)
            fitted = seeded_clone(self._neighbors(int(teaches.sum())), fit.rng).fit(learned)
        found, scores = similar_items(fitted, self.item_ids_, k)
        columns = self._rows_of_ids(found.ravel(), "similar items").reshape(found.shape)
        unscored = final_estimator(fitted, [])[0]._unscored()
        is_said = np.isfinite(scores)
        if unscored is not None:
            is_said[unscored] = False
        return [row[said].tolist() for row, said in zip(columns, is_said, strict=True)]

    def _neighbors(self, n_rows):
        """What tells which items are similar, by so many rows."""
        if self.neighbors is not None:
            return clone(self.neighbors)
        return SASRecEstimator(
            k=1,
            item_table=IDTable(),
            embedding_dim=64,
            n_heads=1,
            n_layers=2,
            dropout=0.5,
            max_epochs=300,
            early_stopping=n_rows > 1,
            validation_fraction=0.5,  # so that something remains of users with few events
            device=self.device,
            precision=self.precision,
        )

    def _passages(self):
        """Passages of all items, and the words of those on users."""
        from skace._torch.generation._passages import Passages, Phrases

        reader = self._reader()
        words = (tuple(reader.of(text)) for text in (_BEFORE, _BETWEEN, _AFTER))
        return Passages(
            items=self.passage_tokens_.astype(np.int64),
            ids=self.id_tokens_.astype(np.int64),
            phrases=Phrases(*words, end=self.special_tokens_["end"]),
            length=self.architecture_["passage_length"],
        )


def _tokens_of(row):
    """Tokens of a row of a table, without what is behind their end."""
    return tuple(row[row >= 0].tolist())


def _new_items(catalog, columns, n_known):
    """Catalog of the items that are new, in the order of their columns, or None."""
    rows = np.flatnonzero(columns >= n_known)
    return catalog.take(rows[np.argsort(columns[rows])]) if rows.size else None


def _order_of(texts, catalog):
    """Order of items by text, then by id: the same however they come, or are called."""
    ids = catalog.item_ids.tolist()
    # As numpy, texts would all take as much room as the longest.
    by_text = sorted(range(len(texts.plain)), key=lambda row: (texts.plain[row], ids[row]))
    return np.array(by_text, dtype=np.int64)


def _numbered(paths, order, taken, reader):
    """Different ids for paths; like ones are numbered in the given order of the items."""
    ids = distinct_ids([paths[row] for row in order], taken, reader.digits())
    return [ids[place] for place in np.argsort(order)]
