"""The array core of ContrastiveTextEncoder."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.embeddings.text._contrastive_views import AttributeViews
from skace.embeddings.text._neighbour_views import NeighbourViews, neighbours
from skace.embeddings.text._taught_rows import taught_rows
from skace.embeddings.text._template import TextTemplate
from skace.embeddings.text._tuned_core import TunedEncoderOfTexts

__all__ = ["ContrastiveEncoderOfTexts"]

_TEMPERATURES = {"hard": 0.05, "soft": 3.0}
_NEXT_ITEM_RATE = 1e-4  # docs/benchmarks/from_texts.rst


class ContrastiveEncoderOfTexts(TunedEncoderOfTexts):
    """Trained encoder of texts: what `ContrastiveTextEncoder` does behind the mixin."""

    _training = (
        "objective",
        "hold_out_last",
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

    # Before any work.

    def _lesson(self, table):
        """Different items of which views are to be drawn."""
        self._check_objective()
        rows, text_of_item = table.different()
        if rows.size < 2:
            raise ValueError(
                f"X holds {rows.size} different text(s), but telling items apart takes at least "
                "two."
            )
        template = TextTemplate(self.template)
        views = AttributeViews(table.attributes_at(rows), template, self.drop_rate)
        if self.objective == "attributes":
            return views
        return self._beside_neighbours(views, text_of_item)

    def _check_objective(self):
        """Raise if there is nothing that the objective could learn from."""
        if self.objective == "attributes":
            return
        if self._log_rows() is None:
            raise ValueError(
                "objective='next_item' learns from what users did one after the other, but X holds "
                "texts only; pass Interactions, or objective='attributes'."
            )
        if self.loss == "soft":
            raise ValueError(
                "loss='soft' takes two views for the same item, which objective='next_item' does "
                "not have; pass loss='hard'."
            )

    def _beside_neighbours(self, views, text_of_item):
        """Views that are drawn together with those of neighbours in the log."""
        rows = taught_rows(self._log_rows(), hold_out_last=self.hold_out_last)
        weights = neighbours(rows, text_of_item, len(views))
        if weights.nnz == 0:
            left_out = " once the last one of each is left out" if self.hold_out_last else ""
            raise ValueError(
                f"no user has two rows of different items with texts in X{left_out}, so that no "
                "item follows another; pass more rows, or objective='attributes'."
            )
        return NeighbourViews(views, weights)

    # Training.

    def _build_trainer(self, tower, lesson, rng):
        """What runs the epochs."""
        from skace._torch._runtime import resolve_device
        from skace._torch.text import _contrastive_training as training
        from skace._torch.text._contrastive_loss import Contrast

        if not lesson.can_differ and not training.has_dropout(tower.network):
            raise ValueError(
                "the two views of every item would be equal: no item has attributes to leave out "
                "or to put in another order, and the model has no dropout. Pass a frame with more "
                "columns of texts."
            )
        device = resolve_device(self.device)
        temperature = _TEMPERATURES[self.loss] if self.temperature is None else self.temperature
        contrast = Contrast(self.loss, temperature, learns=self.learn_temperature).to(device)
        parts = self._trainer_parts(tower, device, rng)
        if self.objective == "attributes":
            parts["piece_size"] = None  # so that a seed gives what it has always given
        optimizer = training.contrastive_optimizer(tower, contrast, self._step_size())
        return training.ContrastiveTrainer(
            views=lesson, contrast=contrast, optimizer=optimizer, **parts
        )

    def _step_size(self):
        is_default = self.learning_rate is None and self.lora_rank is None
        if is_default and self.objective == "next_item":
            return _NEXT_ITEM_RATE
        return super()._step_size()

    def _summary(self, tower):
        """The training in a few words."""
        words = [
            f"contrastive ({self.loss})",
            f"drop_rate={self.drop_rate}",
            f"temperature={tower.findings['temperature']:.4g}",
            f"{len(tower.loss_curve)} epochs",
        ]
        if self.objective != "attributes":
            words.insert(1, f"objective={self.objective}")
        if self.lora_rank is not None:
            words.append(f"lora_rank={self.lora_rank}")
        return ", ".join(words)

    def _note(self, tower):
        """Set the learned attributes that others do not have."""
        self.temperature_ = tower.findings["temperature"]
