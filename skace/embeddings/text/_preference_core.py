"""The array core of PreferenceTextEncoder."""
# SPDX-License-Identifier: BSD-3-Clause

from skace._parameter_objects import check_is_object
from skace.embeddings.text._collaborative import seeded
from skace.embeddings.text._preference_lesson import PreferenceLesson
from skace.embeddings.text._taught_rows import taught_rows
from skace.embeddings.text._tuned_core import TunedEncoderOfTexts

__all__ = ["PreferenceEncoderOfTexts"]


class PreferenceEncoderOfTexts(TunedEncoderOfTexts):
    """Trained encoder of texts: what `PreferenceTextEncoder` does behind the mixin."""

    _training = (
        "n_categories",
        "level",
        "max_items",
        "hold_out_last",
        "template",
        "prompt",
        "lora_rank",
        "lora_alpha",
        "batch_size",
        "learning_rate",
        "max_epochs",
        "device",
        "precision",
        "random_state",
    )

    def _validate_params(self):
        check_is_object("estimator", self.estimator, "SASRecEstimator()")
        super()._validate_params()

    def _lesson(self, table):
        """Rows and texts to learn from, and the recommender with its seeds."""
        X = self._log_rows()
        if X is None:
            raise ValueError(
                f"{type(self).__name__} learns what users prefer, but X holds texts only; pass "
                "Interactions whose catalog holds the texts."
            )
        rows = taught_rows(X, hold_out_last=self.hold_out_last)
        texts, text_of_item = table.different()
        if not (text_of_item[rows.items] >= 0).any():
            raise ValueError(
                "no row of X that teaches is of an item with a text, so that there is nothing to "
                "learn from."
            )
        estimator = seeded(self.estimator, self._generator())
        return PreferenceLesson(X, rows, table.texts_at(texts), text_of_item, estimator)

    def _build_trainer(self, tower, lesson, rng):
        """What runs the epochs, once the recommender is fitted."""
        from skace._torch._runtime import resolve_device
        from skace._torch.text import _preference_training as training

        categories = lesson.categories(self.n_categories, rng)
        readings = lesson.readings(self.level, categories, self.max_items)
        device = resolve_device(self.device)
        head = training.preference_head(tower.n_dims(), readings.rates).to(device)
        return training.PreferenceTrainer(
            readings=readings,
            head=head,
            categories=categories,
            optimizer=training.preference_optimizer(tower, head, self._step_size()),
            **self._trainer_parts(tower, device, rng),
        )

    def _summary(self, tower):
        """The training in a few words."""
        words = [
            f"preferences ({self.level})",
            f"estimator={type(self.estimator).__name__}",
            f"{tower.findings['categories'].max() + 1} categories",
            f"{len(tower.loss_curve)} epochs",
        ]
        if self.lora_rank is not None:
            words.append(f"lora_rank={self.lora_rank}")
        return ", ".join(words)

    def _note(self, tower):
        """Set the learned attributes that others do not have."""
        self.categories_ = tower.findings["categories"]
        self._n_items_told = self.categories_.size  # by which a file that was changed is noticed
