"""Plain text of items, from whatever a publisher puts into a field."""
# SPDX-License-Identifier: BSD-3-Clause

import html
import re
from typing import Any

__all__ = ["plain", "text_of"]

# Tags by name: "<Untitled>" may be a title.
_WITHIN_LINES = "a|abbr|b|big|cite|code|em|font|i|label|mark|q|s|small|span|strike|strong|sub|sup|u"
_OTHERS = (
    "area|article|aside|audio|blockquote|body|br|button|canvas|caption|center|col|colgroup|dd|div|"
    "dl|dt|embed|fieldset|figcaption|figure|footer|form|frame|h[1-6]|head|header|hr|html|iframe|"
    "input|legend|li|link|main|map|meta|nav|noscript|object|ol|optgroup|option|p|param|pre|script|"
    "section|select|source|style|table|tbody|td|textarea|tfoot|th|thead|title|tr|tt|ul|video|wbr"
)
_NO_TEXT = re.compile(r"<(script|style)\b.*?(</\1\s*>|$)|<!--.*?(-->|$)", re.I | re.S)
_PICTURE = re.compile(r"<img\b(?:[^<>]*?\salt=(?:\"([^\"<>]*)\"|'([^'<>]*)'))?[^<>]*>", re.I)
_WITHIN_LINE = re.compile(rf"</?(?:{_WITHIN_LINES})(?:\s[^<>]*)?/?>", re.I)
_OTHER = re.compile(rf"</?(?:{_OTHERS})(?:\s[^<>]*)?/?>", re.I)
_DEPTH = 4  # lists inside each other


def plain(text: str) -> str:
    """One line of text without tags of HTML, with its entities decoded and white space folded."""
    if "<" in text:
        text = _without_tags(text)
    if "&" in text:
        text = html.unescape(text)
        text = _without_tags(text) if "<" in text else text
    return " ".join(_without_halves(text).split())


def _without_tags(text: str) -> str:
    """Text without tags and what is hidden in them; a picture becomes its description."""
    text = _NO_TEXT.sub(" ", text)
    text = _PICTURE.sub(lambda match: f" {match[1] or match[2] or ''} ", text)
    return _OTHER.sub(" ", _WITHIN_LINE.sub("", text))


def _without_halves(text: str) -> str:
    """Text in which halves of characters are joined, or replaced where the other one is lost."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def text_of(value: Any, *, joint: str = ", ", _depth: int = _DEPTH) -> str:
    """One line of text from a field: a text, a list, a list of lists, or nothing.

    The parts of a list are joined by ``joint``; lists in a list, as in several category
    paths of one product, by a bar.
    """
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, (list, tuple)) and _depth:
        is_nested = any(isinstance(part, (list, tuple)) for part in value)
        parts = [text_of(part, joint=joint, _depth=_depth - 1) for part in value]
        return (" | " if is_nested else joint).join(part for part in parts if part)
    return ""  # None, NaN, and structures that are not text
