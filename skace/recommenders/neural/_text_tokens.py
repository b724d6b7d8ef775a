"""TextTokens: texts as numbers of tokens, by a tokenizer that is kept as text."""
# SPDX-License-Identifier: BSD-3-Clause

__all__ = ["TextTokens"]

_SHORTEST = 2  # characters of a token that may stand for a node, a mark of its beginning included


class TextTokens:
    """Tokens of texts, without those that begin or end a text.

    Parameters
    ----------
    tokenizer : str
        JSON of a tokenizer of the package tokenizers.

    unknown : int
        Number of the token of what it does not know; -1 if there is none.
    """

    def __init__(self, tokenizer, unknown):
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_str(tokenizer)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._no_words = {unknown, *self._tokenizer.get_added_tokens_decoder()}

    def of(self, text):
        """Tokens of a text, a list."""
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def name(self, token):
        """Text of a token, by which tokens are told apart."""
        return self._tokenizer.id_to_token(token)

    def number(self, name):
        """Token of this name."""
        return self._tokenizer.token_to_id(name)

    def words_of(self, text):
        """Those tokens of a text that may stand for a node of the tree of ids."""
        return [token for token in self.of(text) if self._is_word(token)]

    def names_of(self, text):
        """Texts of these tokens."""
        return [self.name(token) for token in self.words_of(text)]

    def _is_word(self, token):
        """Whether a token says something."""
        name = self.name(token)
        long_enough = len(name) >= _SHORTEST and any(map(str.isalnum, name))
        return long_enough and token not in self._no_words

    def digits(self):
        """Ten different tokens, one for each digit; None if the tokenizer has none."""
        found = [self.of(str(digit))[-1:] for digit in range(10)]
        tokens = [token for last in found for token in last if token not in self._no_words]
        return tokens if len({*tokens}) == len(found) else None
