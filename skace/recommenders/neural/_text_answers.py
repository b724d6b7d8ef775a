"""TextAnswers: a beam among the ids of items, and what it may follow."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

__all__ = ["TextAnswers"]


class TextAnswers:
    """Predictions of a `GRAMTextEstimator` after training."""

    _scores_all_items = True
    _skips_seen = False  # whether the beam leaves seen items alone

    def _answers(self):
        """What answers, and the ids among which it searches; made again after unpickling."""
        if getattr(self, "_asked", None) is None:
            from skace._torch._runtime import resolve_device
            from skace._torch.generation._answers import Answers
            from skace._torch.generation._trie import TokenTrie

            if getattr(self, "_network", None) is None:
                self._network = self._rebuild_network(resolve_device(self.device, fallback=True))
            passages = self._passages()
            trie = TokenTrie.of_paths(passages.ids, passages.phrases.end, self._network.device)
            self._asked = Answers(self._network, passages), trie
        return self._asked

    def _blocks_of(self, histories, columns, *, exclude_seen, forbid=None, n_best=None):
        self._answers()  # kept here, not by the copy
        asked = self
        if exclude_seen:  # which the beam has to know before it starts
            asked = object.__new__(type(self))
            vars(asked).update(vars(self), _skips_seen=True)
        yield from super(TextAnswers, asked)._blocks_of(
            histories, columns, exclude_seen=exclude_seen, forbid=forbid, n_best=n_best
        )

    def _score(self, histories, columns=None):
        from skace._torch.generation._beam import Beam

        answers, trie = self._answers()
        beam = Beam(trie, self.n_beams, self.length_penalty, self.normalize == "trie")
        starts = np.maximum(histories.starts, histories.ends - self.architecture_["max_length"])
        pasts = [
            histories.items[start:end] for start, end in zip(starts, histories.ends, strict=True)
        ]
        scores = answers.scores(pasts, beam, self._allowed(histories, columns))
        return scores if columns is None else scores[:, columns]

    def _allowed(self, histories, columns):
        """Which items the beam may follow, (n_rows, n_items), or None for all."""
        if columns is None and not self._skips_seen:
            return None
        n_items = self.item_ids_.size
        allowed = np.ones((len(histories), n_items), dtype=bool)
        if columns is not None:
            allowed[:, np.setdiff1d(np.arange(n_items), columns)] = False
        if self._skips_seen:
            allowed[histories.seen(n_items)] = False
        return allowed
