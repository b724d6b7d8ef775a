"""What is read for each row: a passage on the user, and one on each item of the past."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skace._typing import IntArray

__all__ = ["Passages", "Phrases", "padded"]


@dataclass(frozen=True, slots=True, eq=False)
class Phrases:
    """Tokens of the words that do not change.

    Parameters
    ----------
    before, between, after : tuple of int
        Of the passage on the user, around and between the ids.
    end : int
        Token that ends a passage and an id.
    """

    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Passages:
    """Passages of all items, and how those on users are put together.

    Parameters
    ----------
    items : ndarray of shape (n_items, T)
        Tokens of the passage on each item, -1 behind the end.
    ids : ndarray of shape (n_items, P)
        Tokens of each id, -1 behind the end.
    phrases : Phrases
        Words around the ids of a past.
    length : int
        Most tokens of a passage.
    """

    items: IntArray
    ids: IntArray
    phrases: Phrases
    length: int

    def of_users(self, pasts: Sequence[IntArray]) -> IntArray:
        """Tokens of the passage on the user of each past, newest item first, (n, T)."""
        return padded([self._of_user(past.tolist()) for past in pasts])

    def _of_user(self, past: list[int]) -> list[int]:
        """Tokens of one of them; what is too long loses its end."""
        words, tokens = self.phrases, list(self.phrases.before)
        for number, item in enumerate(reversed(past)):
            tokens += words.between if number else ()
            tokens += [token for token in self.ids[item].tolist() if token >= 0]
            if len(tokens) >= self.length:
                break
        return cut([*tokens, *words.after], self.length, words.end)

    def answers(self, items: IntArray) -> IntArray:
        """Tokens of the ids of items and of what ends them, (n, P + 1), -1 behind that."""
        ids = self.ids[items]
        answers: IntArray = np.concatenate([ids, np.full((len(ids), 1), -1)], axis=1)
        answers[np.arange(len(ids)), (ids >= 0).sum(axis=1)] = self.phrases.end
        return trimmed(answers)


def cut(tokens: list[int], length: int, end: int) -> list[int]:
    """Tokens and the one that ends them, no more than ``length``."""
    return [*tokens[: length - 1], end]


def padded(lists: Sequence[Sequence[int]]) -> IntArray:
    """Lists of tokens as one array, -1 behind the end of each."""
    table: IntArray = np.full((len(lists), max(map(len, lists), default=0)), -1)
    for row, tokens in zip(table, lists, strict=True):
        row[: len(tokens)] = tokens
    return table


def trimmed(tokens: IntArray) -> IntArray:
    """Tokens without the columns that are behind the end of all rows."""
    return tokens[:, : int((tokens >= 0).sum(axis=1).max(initial=0))]
