"""Checks whose input is plainer than `Interactions`, and what it lacks."""
# SPDX-License-Identifier: BSD-3-Clause

__all__ = ["answers_lists", "lack_of", "learns_from"]

# Lists and frames of events carry nothing about items, and lists no times either.
_LACKED = {"lists": {"features", "texts", "times"}, "frames": {"features", "texts"}}


def learns_from(kind):
    """Decorator of a check that fits on "lists" or "frames"."""

    def mark(check):
        """Note it at the check."""
        check.lacks_in_fit = _LACKED[kind]
        return check

    return mark


def answers_lists(check):
    """Mark a check that asks a fitted model with lists; what is known of items the model keeps."""
    check.lacks_in_answers = {"times"}
    return check


def lack_of(check, what, *, in_answers):
    """Whether the input of a check lacks "features", "texts" or "times"."""
    lacks = getattr(check, "lacks_in_fit", set())
    if in_answers:
        lacks = lacks | getattr(check, "lacks_in_answers", set())
    return what in lacks
