"""Ids of items in words: one token for each node of a tree of codes, and no id twice."""
# SPDX-License-Identifier: BSD-3-Clause

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

__all__ = ["IdWords", "distinct_ids"]


@dataclass
class IdWords:
    """Tokens that stand for the nodes of a tree of codes.

    Parameters
    ----------
    tokens : dict of tuple of int to int
        For each beginning of codes its token, -1 where no word was left for it.

    rarity : ndarray of shape (n_tokens,)
        How rare each token is among the texts of the fit.
    """

    tokens: dict
    rarity: np.ndarray
    _siblings: dict = field(init=False, repr=False)

    def __post_init__(self):
        self._siblings = {}
        for prefix, token in self.tokens.items():
            self._siblings.setdefault(prefix[:-1], set()).add(token)

    @classmethod
    def learn(cls, codes, texts, reader, n_tokens):
        """Words of all nodes: frequent in the texts below them, and rare elsewhere.

        Parameters
        ----------
        codes : ndarray of shape (n_items, n_levels)
            Of the items.

        texts : list of str
            Of the items.

        reader : TextTokens
            What makes tokens of texts.

        n_tokens : int
            Number of different tokens.
        """
        from skace.inspection import node_words  # charts and all, for nobody else

        found = node_words(codes, texts, n_words=1, analyzer=reader.names_of)
        tokens = {
            prefix: reader.number(words[0]) if words else -1 for prefix, words in found.items()
        }
        n_with = np.zeros(n_tokens)
        for text in texts:
            n_with[np.unique(reader.words_of(text)).astype(np.int64)] += 1
        rarity = np.log1p((len(texts) - n_with + 0.5) / (n_with + 0.5))
        return cls(tokens, rarity.astype(np.float32))

    @classmethod
    def of_arrays(cls, codes, tokens, rarity):
        """The same, from what `as_arrays` returned and from the rarities."""
        prefixes = (tuple(code for code in row if code >= 0) for row in codes.tolist())
        return cls(dict(zip(prefixes, tokens.tolist(), strict=True)), rarity)

    def as_arrays(self, n_levels):
        """Codes of the nodes, (n_nodes, n_levels), -1 behind their end, and their tokens."""
        codes = np.full((len(self.tokens), n_levels), -1)
        for row, prefix in zip(codes, self.tokens, strict=True):
            row[: len(prefix)] = prefix
        return codes, np.array([*self.tokens.values()], dtype=np.int64)

    def add(self, codes, words):
        """Let a new item in, whose own words name the nodes that are new with it.

        Parameters
        ----------
        codes : tuple of int
            Of the item.

        words : list of int
            Tokens of its text that may stand for a node.
        """
        counts = Counter(words)
        best = sorted(counts, key=lambda token: (-counts[token] * self.rarity[token], token))
        for level in range(1, len(codes) + 1):
            prefix = codes[:level]
            if prefix in self.tokens:
                continue
            siblings = self._siblings.setdefault(prefix[:-1], set())
            taken = {*self.path(codes[: level - 1]), *siblings}
            token = next((token for token in best if token not in taken), -1)
            self.tokens[prefix] = token
            siblings.add(token)

    def path(self, codes):
        """Tokens of the nodes that lead to these codes, a tuple."""
        tokens = (self.tokens[codes[:level]] for level in range(1, len(codes) + 1))
        return tuple(token for token in tokens if token >= 0)


def distinct_ids(paths, taken, digits):
    """Ids that are all different: paths, numbered in digits where several are alike.

    Parameters
    ----------
    paths : list of tuple of int
        Tokens that lead to each item, in the order in which like ones are numbered.

    taken : set of tuple of int
        Ids that others have.

    digits : list of int or None
        Ten tokens; None if there are none.

    Returns
    -------
    ids : list of tuple of int
        One for each path.

    Raises
    ------
    ValueError
        If paths are alike or empty and there are no digits.
    """
    counts, numbers, taken = Counter(paths), Counter(), {*taken}
    ids = []
    for path in paths:
        own = path
        is_alone = counts[path] == 1 and path  # an id of no token at all cannot be spelled out
        while not is_alone or own in taken:
            if digits is None:
                what = "several items would have the same id" if path else "an item would have none"
                raise ValueError(
                    f"{what}, and the tokenizer of the model has no tokens of single digits by "
                    "which to number them; give items texts that differ and hold words that it "
                    "knows, or take a model whose tokenizer has them."
                )
            own = (*path, *(digits[int(digit)] for digit in str(numbers[path])))
            numbers[path] += 1
            is_alone = True
        taken.add(own)
        ids.append(own)
    return ids
