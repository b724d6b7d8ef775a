"""Low-rank adapters on the transformer of a sentence model, through peft."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import Any

from skace._torch.text._sentence import SentenceModel

__all__ = ["LowRankAdapters", "import_peft"]

_DROPOUT = 0.1  # of what the adapters read, as in LLMEmb


def import_peft() -> Any:
    """Import peft, or raise an ImportError that says what to do."""
    try:
        import peft
    except ModuleNotFoundError as error:
        if error.name != "peft":
            raise
        raise ImportError(
            "lora_rank needs peft, which is not installed. Install it with 'pip install peft', "
            "or pass lora_rank=None to train all weights."
        ) from error
    return peft


class LowRankAdapters:
    """Small matrices beside all linear layers of a model, which alone are trained.

    Each layer's weights W become W + ``alpha / rank`` B A, with B starting from zero, so
    that at first nothing changes.

    Parameters
    ----------
    tower : SentenceModel
        Changed in place: its other weights no longer ask for a gradient.
    rank : int
        Rows of A.
    alpha : float
        How much the adapters weigh.

    Raises
    ------
    ValueError
        If there is no transformer in the model.
    """

    def __init__(self, tower: SentenceModel, rank: int, alpha: float) -> None:
        peft = import_peft()
        if tower.transformer is None:
            raise ValueError(
                f"lora_rank={rank} needs a model with a transformer, which this one has not; pass "
                "lora_rank=None."
            )
        config = peft.LoraConfig(
            r=rank, lora_alpha=alpha, lora_dropout=_DROPOUT, target_modules="all-linear"
        )
        tower.network.requires_grad_(requires_grad=False)
        # The layers are exchanged within the transformer: the model needs no wrapper.
        self._layers: Any = peft.LoraModel(tower.transformer, config, "default")

    def merge(self) -> None:
        """Add the adapters to the weights and remove them."""
        self._layers.merge_and_unload()
