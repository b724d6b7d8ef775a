"""TunedEncoderOfTexts: what encoders share that train a sentence model before they encode."""
# SPDX-License-Identifier: BSD-3-Clause

import logging
from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from skace._memo import Memo
from skace._sklearn_compat import fit_context, with_callbacks
from skace._visible_log import visible_log
from skace.embeddings.text._core import EncoderOfTexts
from skace.embeddings.text._report import NO_REPORT, FitReport
from skace.embeddings.text.sources._backends import DEFAULT_MODEL, LocalEncoder

__all__ = ["TunedEncoderOfTexts"]

_logger = logging.getLogger("skace")

# A grid of fits in one process trains once per seed, and once per fold where rows count. The
# models are those of the estimators themselves, not copies.
_TOWERS: Memo = Memo(max_entries=5, max_bytes=2**31)

_PIECE = 16  # texts of about one length that are read together in a step
_LEARNING_RATE, _LORA_LEARNING_RATE = 2e-5, 2e-4


class TunedEncoderOfTexts(EncoderOfTexts):
    """Encoder of texts by a model that `fit` trains.

    A subclass says in `_lesson` what the model is taught, which knows its ``digest``, in
    `_build_trainer` who teaches it, in `_summary` what is to be remembered of that, and in
    ``_training`` the parameters that the trained weights depend on (model and revision tell by
    what they stand for). It has the parameters of `EncoderOfTexts` and ``model``, ``revision``,
    ``device``, ``precision``, ``lora_rank``, ``lora_alpha``, ``learning_rate``, ``max_epochs``,
    ``store_weights``, ``random_state`` and ``verbose``.
    """

    _training: tuple[str, ...] = ()

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=False)  # a lesson may fit estimators of the caller
    def fit(self, X, y=None):
        """Train the model, then encode the texts with it."""
        table = self._texts_to_fit(X)
        lesson = self._lesson(table)
        device = self._check_machine()
        report = FitReport(self, {"X": X, "y": y})
        with report.fit(self.max_epochs), visible_log(self.verbose):
            base_revision, tower = self._tuned_tower(lesson, device, report)
            self._origin = {"base_revision": base_revision, "training": self._summary(tower)}
            backend = self._build_backend({"model": tower.model, "revision": tower.revision})
            self._learn_vectors(table, backend, NO_REPORT)
        self.base_revision_ = base_revision
        self.loss_curve_ = list(tower.loss_curve)
        self.n_iter_ = len(self.loss_curve_)
        self._note(tower)
        return self

    def _lesson(self, table):
        """What is to be learned from these texts, checked before any work."""
        raise NotImplementedError

    def _build_trainer(self, tower, lesson, rng):
        """What runs the epochs on a loaded model."""
        raise NotImplementedError

    def _summary(self, tower):
        """The training in a few words."""
        raise NotImplementedError

    def _note(self, tower):
        """Set the learned attributes that others do not have."""

    def _check_machine(self):
        """Device to train on, once all that is needed is known to be there."""
        from skace._torch._runtime import resolve_device
        from skace._torch.text._contrastive_lora import import_peft
        from skace._torch.text._sentence import sentence_transformers

        device = resolve_device(self.device)
        sentence_transformers(type(self).__name__)
        if self.lora_rank is not None:
            import_peft()
        return device

    def _log_rows(self):
        """Rows of the log that the fit was given, or None."""
        return getattr(self, "_source_rows", None)

    # What encodes.

    def _model_name(self):
        return None if self.model is None else str(self.model)

    def _stores_weights(self):
        return self.store_weights

    def _build_backend(self, stored=None):
        """The trained model."""
        if stored is None:
            raise ValueError(
                f"this {type(self).__name__} was stored without its weights (store_weights=False), "
                "so that it only knows the texts in its cache; fit again, or store it with "
                "store_weights=True."
            )
        return self._local_encoder(self.precision, stored)

    def _local_encoder(self, precision, stored=None):
        return LocalEncoder(
            self._model_name() or DEFAULT_MODEL,
            revision=self.revision,
            prompt=self.prompt,
            precision=precision,
            device=self.device,
            batch_size=self.batch_size,
            stored=stored,
        )

    def _provenance(self, dates):
        """Where the vectors come from, as texts."""
        return super()._provenance(dates) | self._origin

    # Training.

    def _tuned_tower(self, lesson, device, report):
        """Revision of the model to start from, and what training makes of it."""
        from skace._torch._runtime import private_generator

        rng = self._generator()
        seed = rng.randint(np.iinfo(np.int32).max)
        # Loading, too, draws random numbers, for weights that the files lack.
        with private_generator(seed, device):
            base = self._local_encoder("float32")
            base_revision = base.identity["revision"]
            tower = self._find_or_train(base, lesson, rng, report)
        return base_revision, tower

    def _generator(self):
        """Source of what is random; None asks for fresh entropy, not for numpy's generator."""
        rng = np.random.RandomState() if self.random_state is None else self.random_state
        return check_random_state(rng)

    def _find_or_train(self, base, lesson, rng, report):
        """The model, as an equal fit has left it or trained now."""
        made = []

        def train():
            made.append(self._train(base, lesson, rng, report))
            return made[0]

        digest = lesson.digest() if isinstance(self.random_state, Integral) else None
        if digest is None:
            return train()
        settings = [repr(getattr(self, name)) for name in self._training]
        identity = sorted(base.identity.items())
        key = (type(self).__name__, *settings, *identity, digest)
        found = _TOWERS.get(key, train)
        # What a callback has cut short is not for others.
        is_whole = len(found.loss_curve) == self.max_epochs
        return found if made or is_whole else train()

    def _train(self, base, lesson, rng, report):
        """Train the model of an encoder, in place."""
        from skace._torch.text._contrastive_lora import LowRankAdapters
        from skace._torch.text._sentence import effective_precision
        from skace._torch.text._tuned_tower import TunedTower

        tower = base.model()
        self._check_width(tower.n_dims())
        adapters = None
        if self.lora_rank is not None:
            adapters = LowRankAdapters(tower, self.lora_rank, self.lora_alpha)
        trainer = self._build_trainer(tower, lesson, rng)
        loss_curve = self._run_epochs(trainer, report)
        if adapters is not None:
            adapters.merge()
        tower.settle(effective_precision(self.precision, self.device))
        return TunedTower(tower, tower.fingerprint(), loss_curve, trainer.findings())

    def _trainer_parts(self, tower, device, rng):
        """What every trainer is made of."""
        from skace._torch._runtime import resolve_precision

        return {
            "tower": tower,
            "batch_size": self.batch_size,
            "prompt": self.prompt,
            "device": device,
            "dtype": resolve_precision(self.precision, device),
            "rng": rng,
            "piece_size": _PIECE,
        }

    def _step_size(self):
        """The learning rate, or its default."""
        if self.learning_rate is not None:
            return self.learning_rate
        return _LEARNING_RATE if self.lora_rank is None else _LORA_LEARNING_RATE

    def _run_epochs(self, trainer, report):
        """Mean loss of each epoch."""
        losses = []
        while len(losses) < self.max_epochs and not report.is_stopped:
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
