"""EncoderOfTexts: what all encoders of texts share."""
# SPDX-License-Identifier: BSD-3-Clause

import hashlib
import logging

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skace._file_hash import hash_of_files
from skace._memo import Memo
from skace._sklearn_compat import CallbackSupportMixin
from skace.embeddings.text._cache import DiskStore, MemoryStore, find, gather
from skace.embeddings.text._report import NO_REPORT
from skace.embeddings.text._table import TextTable
from skace.embeddings.text._template import TextTemplate
from skace.embeddings.text.models._base import without_paths
from skace.embeddings.text.sources._backends import DEFAULT_MODEL

__all__ = ["EncoderOfTexts"]

_logger = logging.getLogger("skace")

# A grid of fits in one process encodes once, even without a folder for the cache.
_MEMORY: Memo[MemoryStore] = Memo(max_entries=8, max_bytes=2**31)
_MEMMAP_BYTES = 2**28  # a larger matrix stays on disk, if there is a cache


class EncoderOfTexts(
    ClassNamePrefixFeaturesOutMixin, CallbackSupportMixin, TransformerMixin, BaseEstimator
):
    """Look up encoded texts, and encode new ones.

    A subclass has `fit`, which ends in `_learn_vectors`. Its `_build_backend` builds the encoding
    backend, `_model_name` names it, and `_stores_weights` says whether to keep it. It has the
    parameters ``fields``, ``template``, ``prompt``, ``normalize``, ``truncate_dim``, ``missing``,
    ``batch_size`` and ``cache``.
    """

    _transient = ("_backend",)

    def _build_backend(self, stored=None):
        """The encoder that the parameters ask for, with these weights if there are some."""
        raise NotImplementedError

    def _model_name(self):
        """Name that the caller knows the model by, or None."""
        raise NotImplementedError

    def _stores_weights(self):
        """Whether the weights are to be kept in ``weights_``."""
        raise NotImplementedError

    def _owner(self, identity, get_backend):  # noqa: ARG002 - for those who need it
        """Object that tells vectors of one identity apart, to be kept alive; None for none."""
        return

    def transform(self, X):
        """Look the vectors up; encode new texts and log this.

        No callbacks are called, because scikit-learn calls them in ``fit`` only.
        """
        check_is_fitted(self)
        table = self._table(X, self.fields_)
        if self.missing == "error":
            table.refuse_empty(self._item_ids())
        store = self._open_store(self._identity, self._fitted_backend)
        if self._unknown(table, store).size and _is_stale(store, self._fitted_backend):
            raise ValueError(
                "the encoder gives other vectors than in fit, so that new ones would not go with "
                "the old ones; fit again."
            )
        self._encode_missing(table, store, self._fitted_backend, NO_REPORT)
        return self._collect(table, store)

    # What is to be encoded.

    def _texts_to_fit(self, X):
        """The texts of a fit, checked."""
        table = self._table(X, self.fields)
        if table.n_rows == 0:
            raise ValueError("X holds no texts; there is nothing to encode.")
        if self.missing == "error":
            table.refuse_empty(self._item_ids())
        return table

    def _table(self, X, fields):
        """The texts."""
        return TextTable(X, fields, TextTemplate(self.template))

    def _item_ids(self):
        """Ids of the items while a catalog is acted on, else None."""
        catalog = getattr(self, "_source_catalog", None)
        return None if catalog is None else catalog.item_ids

    # What encodes.

    def _fitted_backend(self):
        """The encoder of the fit; built again after unpickling."""
        if getattr(self, "_backend", None) is None:
            weights = getattr(self, "weights_", None)
            stored = weights and {"files": weights, "revision": self.revision_}
            backend = self._build_backend(stored)
            changed = [
                name
                for name, value in self._identity.items()
                # With weights of its own, it does not matter whether there is still a folder.
                if backend.identity.get(name) != value and not (stored and name == "model")
            ]
            if changed:
                raise ValueError(
                    f"the encoder is not the fitted one any more ({', '.join(changed)} changed), "
                    "so that new vectors would not go with the old ones; fit again."
                )
            self._backend = backend
        return self._backend

    # Where vectors are kept.

    def _open_store(self, identity, get_backend):
        """Vectors that are known: on disk, or in the memory of this process."""
        if self.cache is not None:
            return DiskStore(self.cache, identity)
        key = tuple(sorted(identity.items()))
        owner = self._owner(identity, get_backend)
        if owner is not None:
            # The store keeps it alive, so that its number is not given to another.
            key = (*key, id(owner))
        return _MEMORY.get(key, lambda: MemoryStore(owner))

    def _encode_missing(self, table, store, get_backend, report):
        """Encode and store what is not there; return how many texts that were."""
        if self._unknown(table, store).size == 0:
            with report.fit(0):
                return 0
        with store.writing():
            rows = self._unknown(table, store)  # another process may have been here
            backend = get_backend()
            step = self.batch_size * backend.batches_at_once
            with report.fit(-(-rows.size // step)):
                for start in range(0, rows.size, step):
                    part = rows[start : start + step]
                    with report.part("texts"):
                        texts = table.texts_at(part)
                        vectors = _encode(backend, texts)
                        store.append(table.keys[part], vectors)
                        _note_probe(store, texts, vectors)
                    done = start + part.size
                    _logger.info("%s: %d of %d texts", type(self).__name__, done, rows.size)
        return int(rows.size)

    def _unknown(self, table, store):
        """First row of each text that the store does not have, ascending."""
        is_wanted = ~find(store.segments(), table.keys).is_found & ~table.is_empty
        rows = np.flatnonzero(is_wanted)
        _, first = np.unique(table.keys[rows], return_index=True)
        return np.sort(rows[first])

    # What comes out.

    def _learn_vectors(self, table, backend, report):
        """Encode what is not known yet, and set the learned attributes."""

        def get_backend():
            return backend

        store = self._open_store(backend.identity, get_backend)
        if _is_stale(store, get_backend):
            store.clear()
        n_encoded = self._encode_missing(table, store, get_backend, report)
        self._set_fitted(table, store, backend, n_encoded)

    def _set_fitted(self, table, store, backend, n_encoded):
        """Set the learned attributes."""
        segments = store.segments()
        places = find(segments, table.keys)
        used = np.unique(places.segments[places.is_found & ~table.is_empty])
        if used.size == 0:
            raise ValueError("no item has a text; there is nothing to encode.")
        n_dims = segments[used[0]].vectors.shape[1]
        self._check_width(n_dims)
        self._backend = backend
        self._identity = dict(backend.identity)
        self._n_features_out = self.truncate_dim or n_dims
        self.fields_ = table.fields
        self.revision_ = backend.identity["revision"]
        self.n_encoded_ = n_encoded
        dates = sorted(segments[number].date for number in used)
        self.provenance_ = self._provenance(dates)
        for name in ("weights_", "_weights_hash"):
            vars(self).pop(name, None)
        if self._stores_weights():
            self.weights_ = backend.packed()
            self._weights_hash = hash_of_files(self.weights_)
        vars(self).pop("mean_", None)
        if self.missing == "mean":
            self.mean_ = self._mean(table, segments, places)

    def _check_width(self, n_dims):
        """Raise if vectors are to be cut to more than they have."""
        if self.truncate_dim is not None and self.truncate_dim > n_dims:
            raise ValueError(
                f"truncate_dim={self.truncate_dim} exceeds the {n_dims} numbers of a vector."
            )

    def _provenance(self, dates):
        """Where the vectors come from, as texts."""
        facts = {
            "model": self._model_name() or self._identity["model"] or DEFAULT_MODEL,
            "revision": self.revision_,
            "pooling": self._backend.pooling,
            "encoder": self._identity["encoder"],
            "template": self.template,
            "fields": ", ".join(self.fields_),
            "prompt": self.prompt,
            "precision": self._identity.get("precision"),
            "normalize": self.normalize,
            "truncate_dim": self.truncate_dim,
            "dtype": "float32",
            "date": dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}",
        }
        return {name: str(value) for name, value in facts.items() if value not in (None, "")}

    def _collect(self, table, store):
        """Matrix of the vectors, on disk where it is large and there is a cache."""
        segments = store.segments()
        places = find(segments, table.keys)
        places.segments[table.is_empty] = -1
        self._check_same_width(segments)

        def fill(out):
            out[table.is_empty] = getattr(self, "mean_", 0)
            gather(segments, places, out, self._finish)

        shape = (table.n_rows, self._n_features_out)
        if isinstance(store, DiskStore) and 4 * shape[0] * shape[1] > _MEMMAP_BYTES:
            return store.table(self._table_name(table), shape, fill)
        out = np.empty(shape, dtype=np.float32)
        fill(out)
        return out

    def _check_same_width(self, segments):
        """Raise if the vectors are not as wide as those of the fit."""
        widths = {segment.vectors.shape[1] for segment in segments}
        if self.truncate_dim is None and widths - {self._n_features_out}:
            raise ValueError(
                f"the encoder gives vectors of {max(widths)} numbers now, in fit they had "
                f"{self._n_features_out}, so that new ones would not go with the old ones; fit "
                "again."
            )

    def _table_name(self, table):
        """Name of the matrix of these texts, finished in this way."""
        digest = hashlib.blake2b(table.keys.tobytes(), digest_size=12)
        mean = getattr(self, "mean_", np.zeros(0, np.float32))
        settings = (self.normalize, self._n_features_out, mean.tobytes(), table.is_empty.tobytes())
        digest.update(repr(settings).encode())
        return digest.hexdigest()

    def _finish(self, vectors):
        """What becomes of encoded vectors: cut to the wanted width, then scaled."""
        return self._scale(vectors[:, : self._n_features_out])

    def _scale(self, vectors):
        """Scale vectors to unit length, if that is wanted."""
        if not self.normalize:
            return vectors
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.where(lengths > 0, lengths, 1)

    def _mean(self, table, segments, places):
        """Mean of the finished vectors of all items that have a text, (d,)."""
        total = np.zeros(self._n_features_out)

        def add(vectors):
            finished = self._finish(vectors)
            total[:] += finished.sum(axis=0, dtype=np.float64)
            return finished

        places.segments[table.is_empty] = -1
        gather(segments, places, _Discard(), add)
        mean = (total / places.is_found.sum()).astype(np.float32)
        return self._scale(mean[None])[0]

    # Persistence, tags.

    def __getstate__(self):
        state = without_paths(super().__getstate__())
        return {name: value for name, value in state.items() if name not in self._transient}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        return tags


class _Discard:
    """An output that is not kept."""

    def __setitem__(self, rows, values):
        """Drop the values."""


def _note_probe(store, texts, vectors):
    """Remember one text and its vector where only the function itself tells what it is."""
    if isinstance(store, MemoryStore) and store.owner is not None and store.probe is None:
        store.probe = texts[0], vectors[0].copy()


def _is_stale(store, get_backend):
    """Whether a function that was changed in place gives other vectors than those kept."""
    if not isinstance(store, MemoryStore) or store.probe is None:
        return False
    text, vector = store.probe
    found = _encode(get_backend(), [text])[0]
    return found.shape != vector.shape or not np.allclose(found, vector, rtol=1e-3, atol=1e-5)


def _encode(backend, texts):
    """Vectors of a chunk, checked, as an array of their own: a function may fill one buffer."""
    vectors = np.array(backend.encode(texts))
    if vectors.ndim != 2 or vectors.shape[0] != len(texts) or vectors.shape[1] == 0:
        raise ValueError(
            f"the encoder returned an array of shape {vectors.shape} for {len(texts)} texts; "
            "expected one row per text."
        )
    bad = ~np.isfinite(vectors).all(axis=1)
    if bad.any():
        place = int(np.argmax(bad))
        raise ValueError(
            f"the encoder returned NaN or infinity for {int(bad.sum())} text(s), first for "
            f"{texts[place]!r:.80}; try precision='float32'."
        )
    return vectors.astype(np.float32, copy=False)
