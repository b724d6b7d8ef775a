"""Words that tell the nodes of a tree of ids apart."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from numbers import Integral

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils import check_array

from skace._typing import IntArray

__all__ = ["check_codes", "node_sizes", "node_words"]

_WORDS = r"(?u)\b[^\W\d_]\w+\b"  # of two letters or more, the first of them none of digits
_MOST_TOKENS = 50  # of a node that are looked at, as published


def node_words(
    codes: npt.ArrayLike,
    texts: Sequence[str],
    n_words: int = 3,
    *,
    analyzer: Callable[[str], Iterable[str]] | None = None,
) -> dict[tuple[int, ...], tuple[str, ...]]:
    r"""Name each node of a tree of ids by the words of its items.

    The words of a node are frequent in the texts of its items and rare elsewhere. Nodes on one
    path, or with the same parent, never share a word. Words that differ only by a final "s" count
    as the same.

    Parameters
    ----------
    codes : array-like of shape (n_items, n_levels)
        Codes of each item, coarse first: the result of `SemanticIdEncoder.transform`, or
        ``GRAMEstimator.item_codes_``.

    texts : sequence of str of length n_items
        Texts of the items, in the same order.

    n_words : int, default=3
        Most words of a node, at least 1.

    analyzer : callable or None, default=None
        Maps a text to its words. None takes words of two letters or more, in lower case.

    Returns
    -------
    words : dict of tuple of int to tuple of str
        Words of each node, the best first. The keys are the first codes of ids, from one code to
        all of them. A node has fewer than ``n_words`` if its items have no more.

    Raises
    ------
    ValueError
        If codes are not integers, the number of texts differs, or ``n_words`` is below 1.

    TypeError
        If a text is not a str.

    See Also
    --------
    skace.inspection.IdTreeDisplay : Draws the tree with these words.

    Notes
    -----
    The weight of a word in a text is the number of times that it occurs there, times

    .. math:: \log\left(1 + \frac{N - d + .5}{d + .5}\right)

    where d of N texts contain the word. The weight in a node is the mean over its items [1]_. If
    several nodes with the same parent could use a word, the one with the highest mean gets it. Only
    the 50 best words of each node are considered.

    Stability: experimental.

    References
    ----------
    .. [1] Lee et al. (2025), GRAM: Generative recommendation via semantic-aware multi-granular
       late fusion, ACL.

    Examples
    --------
    >>> from skace.inspection import node_words
    >>> codes = [[0, 0], [0, 1], [1, 0], [1, 0]]
    >>> texts = ["red nail polish", "blue nail polish", "nail file", "glass file"]
    >>> words = node_words(codes, texts, n_words=1)
    >>> words[1,], words[0, 0], words[0, 1]
    (('file',), ('red',), ('blue',))
    """
    checked = check_codes(codes)
    if not isinstance(n_words, Integral) or isinstance(n_words, bool) or n_words < 1:
        raise ValueError(f"n_words must be an int in the range [1, inf), got {n_words!r}.")
    values, vocabulary = _word_values(_checked_texts(texts, len(checked)), analyzer)
    words: dict[tuple[int, ...], tuple[str, ...]] = {}
    for level in range(1, checked.shape[1] + 1):
        prefixes, means = _means_of_nodes(checked[:, :level], values)
        for parent, family in groupby(range(len(prefixes)), key=lambda node: prefixes[node][:-1]):
            taken = {_stem(word) for end in range(1, level) for word in words[parent[:end]]}
            members = list(family)
            chosen = _chosen(means[members], vocabulary, int(n_words), taken)
            words |= {prefixes[node]: own for node, own in zip(members, chosen, strict=True)}
    return words


def check_codes(codes: npt.ArrayLike) -> IntArray:
    """Codes as whole numbers of shape (n_items, n_levels)."""
    checked = check_array(codes, dtype=np.float64, input_name="codes")
    whole: IntArray = checked.astype(np.int64)
    if not np.array_equal(whole, checked):
        raise ValueError(
            "codes must be whole numbers, as SemanticIdEncoder.transform returns them; these look "
            "like vectors."
        )
    return whole


def node_sizes(codes: IntArray) -> dict[tuple[int, ...], int]:
    """Number of items of each beginning of codes, by level, then by code."""
    sizes: dict[tuple[int, ...], int] = {}
    for level in range(1, codes.shape[1] + 1):
        prefixes, counts = np.unique(codes[:, :level], axis=0, return_counts=True)
        sizes |= dict(zip(map(tuple, prefixes.tolist()), counts.tolist(), strict=True))
    return sizes


def _checked_texts(texts: Sequence[str], n_items: int) -> list[str]:
    """Texts as a list, one for each item."""
    if isinstance(texts, str) or not hasattr(texts, "__len__"):
        raise TypeError(
            f"texts must be a sequence of str, one for each item, got {type(texts).__name__}."
        )
    found = list(texts)
    if len(found) != n_items:
        raise ValueError(f"texts has {len(found)} entries, but codes has {n_items} rows.")
    for row, text in enumerate(found):
        if not isinstance(text, str):
            raise TypeError(f"texts[{row}] is {type(text).__name__}, not a str.")
    return found


def _word_values(
    texts: list[str], analyzer: Callable[[str], Iterable[str]] | None
) -> tuple[sp.csr_matrix, list[str]]:
    """Value of each word in each text, (n_items, n_words), and the words."""
    how = {"token_pattern": _WORDS} if analyzer is None else {"analyzer": analyzer}
    vectorizer = CountVectorizer(**how)
    try:
        counts = vectorizer.fit_transform(texts).astype(np.float64)
    except ValueError as error:
        if "empty vocabulary" not in str(error):  # an analyzer's own fault
            raise
        return sp.csr_matrix((len(texts), 0)), []
    n_texts_with = np.bincount(counts.indices, minlength=counts.shape[1])
    rarity = np.log1p((len(texts) - n_texts_with + 0.5) / (n_texts_with + 0.5))
    return (counts @ sp.diags_array(rarity)).tocsr(), vectorizer.get_feature_names_out().tolist()


def _means_of_nodes(
    codes: IntArray, values: sp.csr_matrix
) -> tuple[list[tuple[int, ...]], sp.csr_matrix]:
    """Beginnings of codes in order, and the mean value of each word over their items."""
    prefixes, nodes, sizes = np.unique(codes, axis=0, return_inverse=True, return_counts=True)
    nodes = nodes.ravel()
    shares = sp.csr_matrix((1 / sizes[nodes], (nodes, np.arange(len(codes)))))
    return [*map(tuple, prefixes.tolist())], sp.csr_matrix(shares @ values)


def _chosen(
    means: sp.csr_matrix, vocabulary: list[str], n_words: int, taken: set[str]
) -> list[tuple[str, ...]]:
    """Words of the nodes of one parent; the highest mean chooses first."""
    wishes = []
    for node in range(means.shape[0]):
        part = slice(*means.indptr[node : node + 2])
        found, columns = means.data[part], means.indices[part]
        best = np.lexsort((columns, -found))[:_MOST_TOKENS]
        wishes += [(-found[place], int(columns[place]), node) for place in best]
    chosen: list[list[str]] = [[] for _ in range(means.shape[0])]
    taken = set(taken)
    for _, column, node in sorted(wishes):
        word = vocabulary[column]
        if _stem(word) not in taken and len(chosen[node]) < n_words:
            chosen[node].append(word)
            taken.add(_stem(word))
    return [tuple(own) for own in chosen]


def _stem(word: str) -> str:
    """A word without the end of its plural."""
    return word.removesuffix("s")
