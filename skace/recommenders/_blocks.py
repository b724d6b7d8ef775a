"""ScoreBlocks: scores of many rows, a block at a time."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

__all__ = ["ScoreBlocks"]

# Scores held at once: more would pass through memory, and be mapped anew each time.
_BLOCK_BYTES = 16 * 2**20
_ROWS_AHEAD = 16 * 1024  # that a model may read before their scores are wanted


class ScoreBlocks:
    """How a recommender goes through rows whose scores would not fit into memory together."""

    def _score_blocks(
        self, X, exclude_seen=None, columns=None, *, embeds=True, forbid=None, n_best=None
    ):
        """Yield (rows, scores of these rows), with empty pasts and seen items settled.

        ``forbid(scores, rows)`` sets more of them to ``-inf``; ``n_best`` tells that of scores
        as the model gives them no more than so many of the best of each row are looked at.
        """
        exclude_seen = self.exclude_seen if exclude_seen is None else exclude_seen
        if not isinstance(exclude_seen, (bool, np.bool_)):
            raise TypeError(f"exclude_seen must be a bool or None, got {exclude_seen!r}.")
        histories = self._histories(X, embeds=embeds)
        if exclude_seen or forbid is not None or columns is not None:
            n_best = None
        yield from self._blocks_of(
            histories, columns, exclude_seen=exclude_seen, forbid=forbid, n_best=n_best
        )

    def _scores_of(self, histories):
        """Scores of shape (n_rows, n_items), float32, of histories in our columns.

        What is seen may be recommended; an empty history has counts.
        """
        scores = np.empty((len(histories), self.item_ids_.size), dtype=np.float32)
        for rows, block in self._blocks_of(histories, None, exclude_seen=False):
            scores[rows] = block
        return scores

    def _blocks_of(self, histories, columns, *, exclude_seen, forbid=None, n_best=None):
        """Yield what `_score_blocks` does, for histories."""
        n_columns = self.item_ids_.size if columns is None else columns.size
        step = max(1, _BLOCK_BYTES // (4 * n_columns))
        for first in range(0, len(histories), _ROWS_AHEAD):
            ahead = self._read_ahead(histories.take(slice(first, first + _ROWS_AHEAD)))
            for part in ahead.blocks(step, self.item_ids_.size):
                block = ahead.take(part)
                scores = self._scores_of_block(block, columns, n_best)
                if exclude_seen:
                    self._mask_seen(scores, block, columns)
                rows = slice(first + part.start, first + part.stop)
                if forbid is not None:
                    forbid(scores, rows)
                yield rows, scores

    def _read_ahead(self, histories):
        """Histories with what is cheaper to find for many rows at once; by default nothing."""
        return histories

    def _scores_of_block(self, histories, columns, n_best):
        """Scores by the model, or by popularity for empty histories."""
        is_empty = histories.lengths == 0
        if not is_empty.any():
            return self._scores_of_filled(histories, columns)
        popularity = self.popularity_ if columns is None else self.popularity_[columns]
        scores = np.empty((len(histories), popularity.size), dtype=np.float32)
        scores[is_empty] = popularity
        if not is_empty.all():
            scores[~is_empty] = self._scores_of_filled(histories.take(~is_empty), columns)
        return scores

    def _scores_of_filled(self, histories, columns):
        """Scores by the model, -inf for items that it knows nothing of."""
        scores = self._score(histories, columns)
        unscored = self._unscored()
        if unscored is not None:
            scores[:, unscored if columns is None else unscored[columns]] = -np.inf
        return scores

    def _mask_seen(self, scores, histories, columns):
        """Set the scores of seen items to -inf, in place (the block is ours)."""
        rows, seen = histories.seen(self.item_ids_.size)
        if columns is not None:
            places = np.full(self.item_ids_.size, -1)
            places[columns] = np.arange(columns.size)
            seen = places[seen]
            rows, seen = rows[seen >= 0], seen[seen >= 0]
        scores[rows, seen] = -np.inf
