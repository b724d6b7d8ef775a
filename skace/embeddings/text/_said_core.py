"""The array core of SAIDTextEncoder."""
# SPDX-License-Identifier: BSD-3-Clause

import logging
import warnings
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from skace._callers import caller_level
from skace._memo import Memo
from skace._sklearn_compat import fit_context, with_callbacks
from skace._visible_log import visible_log
from skace.embeddings.text._cache import find, gather
from skace.embeddings.text._core import EncoderOfTexts
from skace.embeddings.text._projection import project, projector_hash
from skace.embeddings.text._report import NO_REPORT, FitReport
from skace.embeddings.text.sources._causal import (
    CausalDescent,
    CausalReader,
    CausalSource,
    Descent,
)

__all__ = ["SAIDEncoderOfTexts"]

_logger = logging.getLogger("skace")

_LEARNING_RATES = {"text": 1e-3, "table": 5e-2}
_EPOCHS = {"text": 3, "table": 100}
_N_MEASURED = 512  # texts on which information_ is measured
_NO_INFORMATION = 0.01  # nats per token

# A grid of fits in one process trains once per seed.
_LEARNED: Memo["_Learned"] = Memo(max_entries=8, max_bytes=2**28)

# Parameters on which training depends beside what readings depend on.
_TRAINING = (
    "prompt",
    "projector",
    "hidden_dim",
    "token_dropout",
    "batch_size",
    "learning_rate",
    "max_epochs",
    "random_state",
    "device",
)


@dataclass(frozen=True, slots=True, eq=False)
class _Learned:
    """What training leaves."""

    state: dict  # weights of the projector by name; empty for "table"
    loss_curve: list
    information: float

    @property
    def n_bytes(self):
        """Memory of the weights."""
        return sum(weights.nbytes for weights in self.state.values())


class SAIDEncoderOfTexts(EncoderOfTexts):
    """Encoder of texts into vectors from which a language model can write them."""

    truncate_dim = None  # no number of such a vector matters more than another

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Read the texts and train the projector, or find a vector for each."""
        self._check_combination()
        table = self._texts_to_fit(X)
        if _different(table).size < 2:
            raise ValueError(
                f"X holds {_different(table).size} different text(s), but what a vector tells of "
                "its own text takes at least two to measure."
            )
        seed = self._draw_seed()
        self._descent_seed = seed if self.projector == "table" and self.token_dropout else 0
        backend = self._build_backend()
        report = FitReport(self, {"X": X, "y": y})
        with visible_log(self.verbose):
            if self.projector == "table":
                learned = self._find_vectors(table, backend, report)
            else:
                learned = self._learn_projector(table, backend, seed, report)
        self.loss_curve_ = list(learned.loss_curve)
        self.n_iter_ = len(self.loss_curve_)
        self.information_ = learned.information
        self._warn_if_nothing_was_learned()
        return self

    # Before any work.

    def _check_combination(self):
        """Raise if a parameter of one kind of vectors is set for the other."""
        from skace._torch._runtime import resolve_device

        resolve_device(self.device)
        if self.projector == "table" and self.hidden_dim is not None:
            raise ValueError(
                f"hidden_dim={self.hidden_dim} is the width of a projector, which "
                "projector='table' does not have; pass hidden_dim=None."
            )

    def _draw_seed(self):
        """Seed of one fit; None asks for fresh entropy, not for numpy's global generator."""
        rng = np.random.RandomState() if self.random_state is None else self.random_state
        return int(check_random_state(rng).randint(np.iinfo(np.int32).max))

    # What encodes.

    def _model_name(self):
        return str(self.model)

    def _stores_weights(self):
        return False

    def _build_backend(self, stored=None):  # noqa: ARG002 - a file never holds the model
        """What reads texts, or finds vectors of them."""
        source = CausalSource(
            self._model_name(),
            revision=self.revision,
            gguf_file=self.gguf_file,
            precision=self.precision,
            device=self.device,
            prompt=self.prompt,
            n_tokens=self.n_tokens,
        )
        if self.projector == "text":
            return CausalReader(source, self.batch_size)
        descent = Descent(
            self._step_size(), self._n_epochs(), self.token_dropout, self._descent_seed
        )
        return CausalDescent(source, descent, prompt=self.prompt, batch_size=self.batch_size)

    def _step_size(self):
        """The learning rate, or its default."""
        return _LEARNING_RATES[self.projector] if self.learning_rate is None else self.learning_rate

    def _n_epochs(self):
        """The number of epochs or steps, or its default."""
        return _EPOCHS[self.projector] if self.max_epochs is None else self.max_epochs

    def _provenance(self, dates):
        """Where the vectors come from, as texts."""
        facts = {"training": f"SAID ({self.projector}), {self._n_epochs()} epochs"}
        if self._has_projector():
            facts["projector"] = projector_hash(self.projector_state_)
        return super()._provenance(dates) | facts

    # What comes out.

    def _finish(self, vectors):
        """Send readings through the projector, if there is one, then scale."""
        if self._has_projector():
            vectors = project(self.projector_state_, vectors)
        return self._scale(vectors)

    def _table_name(self, table):
        """Name of the matrix of these texts, finished in this way."""
        name = super()._table_name(table)
        if self._has_projector():
            return f"{name}-{projector_hash(self.projector_state_)}"
        return name

    def _has_projector(self):
        """Whether the last fit trained one; the parameter may have been set since."""
        return hasattr(self, "projector_state_")

    # One vector after another.

    def _find_vectors(self, table, backend, report):
        """Find vectors that are not known yet, and measure them."""
        vars(self).pop("projector_state_", None)
        self._learn_vectors(table, backend, report)
        store = self._open_store(backend.identity, lambda: backend)

        def measure():
            vectors, texts = self._some(table, store)
            curve = backend.losses / backend.n_texts if backend.n_texts else np.zeros(0)
            return _Learned({}, curve.tolist(), self._information(backend, vectors, texts))

        return self._recall(backend, table, measure)

    # A projector for all.

    def _learn_projector(self, table, backend, seed, report):
        """Read what was not read yet, train, and set the learned attributes."""
        store = self._open_store(backend.identity, lambda: backend)
        with report.fit(self._n_epochs()):
            n_encoded = self._encode_missing(table, store, lambda: backend, NO_REPORT)

            def train():
                return self._train(table, store, backend, seed, report)

            learned = self._recall(backend, table, train)
        self.projector_state_ = learned.state
        self._set_fitted(table, store, backend, n_encoded)
        return learned

    def _train(self, table, store, backend, seed, report):
        """Train the projector on readings; return its weights."""
        from skace._torch._runtime import private_generator

        rows = _different(table)
        readings = self._stored(table, store, rows)
        model = backend.source.model()
        tokens = model.tokens(table.texts_at(rows), self.n_tokens)
        with private_generator(seed, model.device):
            trainer = self._build_trainer(model, readings, tokens, seed)
            loss_curve = self._run_epochs(trainer, report)
        weights = trainer.projector.state_dict()
        state = {name: weight.cpu().numpy().copy() for name, weight in weights.items()}
        some = _spread(rows.size)
        texts = table.texts_at(rows[some])
        information = self._information(backend, project(state, readings[some]), texts)
        return _Learned(state, loss_curve, information)

    def _build_trainer(self, model, readings, tokens, seed):
        """What runs the epochs."""
        from skace._torch.text._said_training import projector_trainer

        return projector_trainer(
            model,
            readings,
            tokens,
            n_hidden=self.hidden_dim or readings.shape[1],
            learning_rate=self._step_size(),
            batch_size=self.batch_size,
            token_dropout=self.token_dropout,
            rng=np.random.RandomState(seed),
        )

    def _run_epochs(self, trainer, report):
        """Mean loss of each epoch."""
        losses = []
        while len(losses) < self._n_epochs() and not report.is_stopped:
            with report.part("epoch"):
                losses.append(trainer.run_epoch())
                if not np.isfinite(losses[-1]):
                    raise FloatingPointError(
                        f"the loss became {losses[-1]} in epoch {len(losses)}; lower learning_rate "
                        f"(now {self._step_size()})."
                    )
                if self.verbose:
                    name, n_done = type(self).__name__, len(losses)
                    _logger.info("%s epoch %d: loss %.4f", name, n_done, losses[-1])
        return losses

    # Both.

    def _recall(self, backend, table, learn):
        """What an equal fit of this process has learned, or what is learned now."""
        if not isinstance(self.random_state, Integral):
            return learn()
        made = []

        def learn_once():
            made.append(learn())
            return made[0]

        settings = [repr(getattr(self, name)) for name in _TRAINING]
        identity = sorted(backend.identity.items())
        texts = table.keys[_different(table)].tobytes()
        found = _LEARNED.get((*settings, *identity, texts), learn_once)
        # What a callback has cut short is not for others.
        is_whole = self.projector == "table" or len(found.loss_curve) == self._n_epochs()
        return found if made or is_whole else learn()

    def _stored(self, table, store, rows):
        """What the store has for some rows, (n_rows, d)."""
        segments = store.segments()
        places = find(segments, table.keys[rows])
        out = np.empty((rows.size, segments[0].vectors.shape[1]), dtype=np.float32)
        gather(segments, places, out, lambda vectors: vectors)
        return out

    def _some(self, table, store):
        """Stored vectors and texts of some of the different texts."""
        rows = _different(table)
        rows = rows[_spread(rows.size)]
        return self._stored(table, store, rows), table.texts_at(rows)

    def _information(self, backend, vectors, texts):
        """Nats per token that texts' own vectors are better than the mean of all."""
        from skace._torch.text._said_training import mean_losses

        model = backend.source.model()
        tokens = model.tokens(texts, self.n_tokens)
        same = np.repeat(vectors.mean(axis=0, keepdims=True), len(texts), axis=0)
        with_mean = mean_losses(model, same, tokens, self.batch_size)
        return with_mean - mean_losses(model, vectors, tokens, self.batch_size)

    def _warn_if_nothing_was_learned(self):
        """Warn of vectors that tell the model nothing about the texts."""
        if self.information_ < _NO_INFORMATION:
            warnings.warn(
                f"the vectors tell the model {self.information_:.4f} nats about each token of "
                "their texts, which is nothing: raise max_epochs or token_dropout, or change "
                "learning_rate.",
                UserWarning,
                stacklevel=caller_level(),
            )


def _different(table):
    """First row of each different text that is not empty, ascending."""
    _, first = np.unique(table.keys, return_index=True)
    return np.sort(first[~table.is_empty[first]])


def _spread(n_rows):
    """Places of at most `_N_MEASURED` of so many rows, spread evenly."""
    step = max(1.0, n_rows / _N_MEASURED)
    return np.arange(0, n_rows, step).astype(np.int64)
