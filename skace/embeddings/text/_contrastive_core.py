"""The array core of ContrastiveTextEncoder."""
# SPDX-License-Identifier: BSD-3-Clause

import logging
from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from skace._memo import Memo
from skace._sklearn_compat import fit_context, with_callbacks
from skace._visible_log import visible_log
from skace.embeddings.text._contrastive_views import AttributeViews
from skace.embeddings.text._core import EncoderOfTexts
from skace.embeddings.text._report import NO_REPORT, FitReport
from skace.embeddings.text._template import TextTemplate
from skace.embeddings.text.sources._backends import DEFAULT_MODEL, LocalEncoder

__all__ = ["ContrastiveEncoderOfTexts"]

_logger = logging.getLogger("skace")

# A grid of fits in one process trains once per seed. The models are those of the estimators
# themselves, not copies.
_TOWERS: Memo = Memo(max_entries=2, max_bytes=2**31)

_TEMPERATURES = {"hard": 0.05, "soft": 3.0}
_LEARNING_RATE, _LORA_LEARNING_RATE = 2e-5, 2e-4

# Parameters on which the trained weights depend; model and revision tell by what they stand for.
_TRAINING = (
    "template",
    "prompt",
    "loss",
    "temperature",
    "learn_temperature",
    "drop_rate",
    "lora_rank",
    "lora_alpha",
    "batch_size",
    "learning_rate",
    "max_epochs",
    "device",
    "precision",
    "random_state",
)


class ContrastiveEncoderOfTexts(EncoderOfTexts):
    """Trained encoder of texts: what `ContrastiveTextEncoder` does behind the mixin."""

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Train the model on views of the texts, then encode them."""
        table = self._texts_to_fit(X)
        views = self._views(table)
        device = self._check_machine()
        report = FitReport(self, {"X": X, "y": y})
        with report.fit(self.max_epochs), visible_log(self.verbose):
            base_revision, tower = self._tuned_tower(views, device, report)
            self._origin = {"base_revision": base_revision, "training": self._summary(tower)}
            backend = self._build_backend({"model": tower.model, "revision": tower.revision})
            self._learn_vectors(table, backend, NO_REPORT)
        self.base_revision_ = base_revision
        self.loss_curve_ = list(tower.loss_curve)
        self.n_iter_ = len(self.loss_curve_)
        self.temperature_ = tower.temperature
        return self

    # Before any work.

    def _views(self, table):
        """Different items of which views are to be drawn."""
        _, first = np.unique(table.keys, return_index=True)
        rows = np.sort(first[~table.is_empty[first]])
        if rows.size < 2:
            raise ValueError(
                f"X holds {rows.size} different text(s), but telling items apart takes at least "
                "two."
            )
        template = TextTemplate(self.template)
        return AttributeViews(table.attributes_at(rows), template, self.drop_rate)

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

    def _summary(self, tower):
        """The training in a few words."""
        words = [
            f"contrastive ({self.loss})",
            f"drop_rate={self.drop_rate}",
            f"temperature={tower.temperature:.4g}",
            f"{len(tower.loss_curve)} epochs",
        ]
        if self.lora_rank is not None:
            words.append(f"lora_rank={self.lora_rank}")
        return ", ".join(words)

    # Training.

    def _tuned_tower(self, views, device, report):
        """Revision of the model to start from, and what training makes of it."""
        from skace._torch._runtime import private_generator

        # None asks for fresh entropy, not for numpy's global generator.
        rng = np.random.RandomState() if self.random_state is None else self.random_state
        rng = check_random_state(rng)
        seed = rng.randint(np.iinfo(np.int32).max)
        # Loading, too, draws random numbers, for weights that the files lack.
        with private_generator(seed, device):
            base = self._local_encoder("float32")
            base_revision = base.identity["revision"]
            tower = self._find_or_train(base, views, rng, report)
        return base_revision, tower

    def _find_or_train(self, base, views, rng, report):
        """The model, as an equal fit has left it or trained now."""
        made = []

        def train():
            made.append(self._train(base, views, rng, report))
            return made[0]

        if not isinstance(self.random_state, Integral):
            return train()
        settings = [repr(getattr(self, name)) for name in _TRAINING]
        identity = sorted(base.identity.items())
        found = _TOWERS.get((*settings, *identity, views.digest()), train)
        # What a callback has cut short is not for others.
        is_whole = len(found.loss_curve) == self.max_epochs
        return found if made or is_whole else train()

    def _train(self, base, views, rng, report):
        """Train the model of an encoder, in place."""
        from skace._torch.text._contrastive_lora import LowRankAdapters
        from skace._torch.text._contrastive_training import TunedTower
        from skace._torch.text._sentence import effective_precision

        tower = base.model()
        self._check_width(tower.n_dims())
        adapters = None
        if self.lora_rank is not None:
            adapters = LowRankAdapters(tower, self.lora_rank, self.lora_alpha)
        trainer = self._build_trainer(tower, views, rng)
        loss_curve = self._run_epochs(trainer, report)
        if adapters is not None:
            adapters.merge()
        tower.settle(effective_precision(self.precision, self.device))
        temperature = float(trainer.contrast.temperature.detach())
        return TunedTower(tower, tower.fingerprint(), loss_curve, temperature)

    def _build_trainer(self, tower, views, rng):
        """What runs the epochs."""
        from skace._torch._runtime import resolve_device, resolve_precision
        from skace._torch.text import _contrastive_training as training
        from skace._torch.text._contrastive_loss import Contrast

        if not views.can_differ and not training.has_dropout(tower.network):
            raise ValueError(
                "the two views of every item would be equal: no item has attributes to leave out "
                "or to put in another order, and the model has no dropout. Pass a frame with more "
                "columns of texts."
            )
        device = resolve_device(self.device)
        temperature = _TEMPERATURES[self.loss] if self.temperature is None else self.temperature
        contrast = Contrast(self.loss, temperature, learns=self.learn_temperature).to(device)
        return training.ContrastiveTrainer(
            tower,
            views,
            contrast,
            training.contrastive_optimizer(tower, contrast, self._step_size()),
            self.batch_size,
            self.prompt,
            resolve_precision(self.precision, device),
            rng,
        )

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
