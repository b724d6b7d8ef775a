"""The array core of TextEncoder."""
# SPDX-License-Identifier: BSD-3-Clause

import hashlib
import logging
from contextlib import contextmanager, nullcontext
from functools import partial

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skace._memo import Memo
from skace._sklearn_compat import CallbackSupportMixin, fit_context, with_callbacks
from skace.embeddings._http_encoder import HttpEncoder
from skace.embeddings._text_backends import DEFAULT_MODEL, CallableEncoder, LocalEncoder
from skace.embeddings._text_cache import DiskStore, MemoryStore, find, gather
from skace.embeddings._text_table import TextTable
from skace.embeddings._text_template import TextTemplate

__all__ = ["TextEncoderOfTexts"]

_logger = logging.getLogger("skace")

# A grid of fits in one process encodes once, even without a folder for the cache.
_MEMORY: Memo[MemoryStore] = Memo(max_entries=8, max_bytes=2**31)
_MEMMAP_BYTES = 2**28  # a larger matrix stays on disk, if there is a cache


class TextEncoderOfTexts(
    ClassNamePrefixFeaturesOutMixin, CallbackSupportMixin, TransformerMixin, BaseEstimator
):
    """Encoder of a list or frame of texts: what `TextEncoder` does behind the mixin."""

    _transient = ("_backend",)

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Encode what the cache does not have."""
        self._check_parameters()
        table = self._table(X, self.fields)
        if table.n_rows == 0:
            raise ValueError("X holds no texts; there is nothing to encode.")
        if self.missing == "error":
            table.refuse_empty(self._item_ids())
        backend = self._build_backend()
        store = self._open_store(backend.identity, backend)
        n_encoded = self._encode_missing(
            table, store, lambda: backend, partial(self._callback_report, {"X": X, "y": y})
        )
        self._set_fitted(table, store, backend, n_encoded)
        return self

    def transform(self, X):
        """Look the vectors up; encode those of new texts."""
        check_is_fitted(self)
        table = self._table(X, self.fields_)
        if self.missing == "error":
            table.refuse_empty(self._item_ids())
        # A function is cheap to wrap, and tells the memory whose vectors are meant.
        backend = self._fitted_backend() if self.encoder is not None else None
        store = self._open_store(self._identity, backend)
        self._encode_missing(table, store, self._fitted_backend, _no_report)
        return self._collect(table, store)

    # What is to be encoded.

    def _table(self, X, fields):
        """The texts."""
        return TextTable(X, fields, TextTemplate(self.template))

    def _item_ids(self):
        """Ids of the items while a catalog is acted on, else None."""
        catalog = getattr(self, "_source_catalog", None)
        return None if catalog is None else catalog.item_ids

    def _check_parameters(self):
        """Raise for parameters that do not go together."""
        if self.encoder is not None and self.base_url is not None:
            raise ValueError("encoder and base_url are two ways to encode; pass one of them.")
        if self.base_url is not None and self.model is None:
            raise ValueError("base_url needs model, the name of a model on that server.")
        is_nameless = self.encoder is not None and self.revision is None
        if is_nameless and self.cache is not None:
            raise ValueError(
                "cache needs revision when encoder is given: what a function does cannot be seen "
                "from outside, so say which version of it the stored vectors are from, for example "
                "revision='1'."
            )
        if self.store_weights and (self.encoder is not None or self.base_url is not None):
            raise ValueError(
                "store_weights=True needs a model on this machine; with encoder or base_url there "
                "are no weights to store."
            )

    # What encodes.

    def _build_backend(self, stored=None):
        """The encoder that the parameters ask for."""
        shared = {"revision": self.revision, "prompt": self.prompt}
        if self.encoder is not None:
            return CallableEncoder(self.encoder, model=self._model_name(), **shared)
        if self.base_url is not None:
            return HttpEncoder(
                self.base_url,
                str(self.model),
                revision=self.revision or "",
                prompt=self.prompt,
                api_key_env=self.api_key_env,
                n_retries=self.n_retries,
                timeout=self.timeout,
                batch_size=self.batch_size,
            )
        return LocalEncoder(
            self._model_name() or DEFAULT_MODEL,
            **shared,
            precision=self.precision,
            device=self.device,
            batch_size=self.batch_size,
            stored=stored,
        )

    def _model_name(self):
        return None if self.model is None else str(self.model)

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

    def _open_store(self, identity, backend):
        """Vectors that are known: on disk, or in the memory of this process."""
        if self.cache is not None:
            return DiskStore(self.cache, identity)
        key = tuple(sorted(identity.items()))
        owner = None
        if isinstance(backend, CallableEncoder) and not identity["revision"]:
            # The store keeps the function alive, so that its number is not given to another.
            owner = backend.function
            key = (*key, id(owner))
        return _MEMORY.get(key, lambda: MemoryStore(owner))

    def _encode_missing(self, table, store, get_backend, report):
        """Encode and store what is not there; return how many texts that were."""
        if self._unknown(table, store).size == 0:
            with report(0):
                return 0
        with store.writing():
            rows = self._unknown(table, store)  # another process may have been here
            backend = get_backend()
            step = self.batch_size * backend.batches_at_once
            with report(-(-rows.size // step)) as next_chunk:
                for start in range(0, rows.size, step):
                    part = rows[start : start + step]
                    with next_chunk():
                        store.append(table.keys[part], _encode(backend, table.texts_at(part)))
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

    def _set_fitted(self, table, store, backend, n_encoded):
        """Set the learned attributes."""
        segments = store.segments()
        places = find(segments, table.keys)
        used = np.unique(places.segments[places.is_found & ~table.is_empty])
        if used.size == 0:
            raise ValueError("no item has a text; there is nothing to encode.")
        n_dims = segments[used[0]].vectors.shape[1]
        if self.truncate_dim is not None and self.truncate_dim > n_dims:
            raise ValueError(
                f"truncate_dim={self.truncate_dim} exceeds the {n_dims} numbers of a vector."
            )
        self._backend = backend
        self._identity = dict(backend.identity)
        self._n_features_out = self.truncate_dim or n_dims
        self.fields_ = table.fields
        self.revision_ = backend.identity["revision"]
        self.n_encoded_ = n_encoded
        dates = sorted(segments[number].date for number in used)
        self.provenance_ = self._provenance(dates)
        vars(self).pop("weights_", None)
        if self.store_weights:
            self.weights_ = backend.packed()
        vars(self).pop("mean_", None)
        if self.missing == "mean":
            self.mean_ = self._mean(table, segments, places)

    def _provenance(self, dates):
        """Where the vectors come from, as texts."""
        facts = {
            "model": self._model_name() or self._identity["model"] or DEFAULT_MODEL,
            "revision": self.revision_,
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

        def fill(out):
            out[table.is_empty] = getattr(self, "mean_", 0)
            gather(segments, places, out, self._finish)

        shape = (table.n_rows, self._n_features_out)
        if isinstance(store, DiskStore) and 4 * shape[0] * shape[1] > _MEMMAP_BYTES:
            return store.table(self._table_name(table), shape, fill)
        out = np.empty(shape, dtype=np.float32)
        fill(out)
        return out

    def _table_name(self, table):
        """Name of the matrix of these texts, finished in this way."""
        digest = hashlib.blake2b(table.keys.tobytes(), digest_size=12)
        mean = getattr(self, "mean_", np.zeros(0, np.float32))
        settings = (self.normalize, self._n_features_out, mean.tobytes(), table.is_empty.tobytes())
        digest.update(repr(settings).encode())
        return digest.hexdigest()

    def _finish(self, vectors):
        """Cut vectors to the wanted width, then scale them to unit length."""
        vectors = vectors[:, : self._n_features_out]
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
        return self._finish(mean[None])[0]

    # Callbacks, persistence, tags.

    @contextmanager
    def _callback_report(self, told, n_chunks):
        """Tell the callbacks of the fit and of each chunk of texts."""
        context = self._init_callback_context(max_subtasks=n_chunks)
        context.call_on_fit_task_begin(estimator=self, **told)

        @contextmanager
        def next_chunk():
            part = context.subcontext(task_name="texts")
            part.call_on_fit_task_begin(estimator=self, **told)
            yield
            part.call_on_fit_task_end(estimator=self, **told, reconstruction_attributes={})

        yield next_chunk
        context.call_on_fit_task_end(estimator=self, **told, reconstruction_attributes={})

    def __getstate__(self):
        state = super().__getstate__()
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


@contextmanager
def _no_report(n_chunks):  # noqa: ARG001 - called like _callback_report
    """Tell nobody."""
    yield nullcontext


def _encode(backend, texts):
    """Vectors of a chunk, checked."""
    vectors = np.asarray(backend.encode(texts))
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
