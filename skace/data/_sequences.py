"""Check plain lists of item id sequences."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings
from collections import Counter
from collections.abc import Iterable
from typing import Any

import narwhals as nw
import numpy as np

from skace._callers import caller_level

__all__ = ["check_sequences", "listed"]


def listed(values: Any) -> Any:
    """A Series as a list, of lists if it is nested; anything else as it is."""
    if nw.dependencies.is_into_series(values):
        return nw.from_native(values, series_only=True).to_list()
    return values


def check_sequences(sequences: Iterable[Any], name: str) -> list[Any]:
    """List of sequences of ids; a flat list, a string or a 2-D array is refused."""
    if isinstance(sequences, (str, bytes)):
        raise ValueError(
            f"{name} is the string {sequences!r}; pass a list of sequences of item ids, "
            f"for one visitor [[{sequences!r}]]."
        )
    if isinstance(sequences, np.ndarray) and (sequences.dtype.kind != "O" or sequences.ndim > 1):
        raise ValueError(
            f"{name} is an array of shape {sequences.shape}, in which padding cannot be told "
            "from items; pass a list of lists of item ids, oldest first."
        )
    sequences = list(listed(sequences))
    for place, sequence in enumerate(sequences):
        if isinstance(sequence, (set, frozenset, dict)):
            raise ValueError(
                f"{name}[{place}] is a {type(sequence).__name__}, which has no order; pass a list "
                "of item ids, oldest first."
            )
        if isinstance(sequence, (str, bytes)) or not hasattr(sequence, "__len__"):
            raise ValueError(
                f"{name}[{place}] is the single id {sequence!r}, not a sequence; pass a list "
                f"of sequences, for one visitor [[{sequence!r}, ...]]."
            )
    _warn_of_padding(sequences, name)
    return sequences


def _warn_of_padding(sequences: list[Any], name: str) -> None:
    """Warn if sequences of one length begin, or end, with runs of one id that is nowhere else."""
    lengths = {len(sequence) for sequence in sequences}
    if len(sequences) < 2 or len(lengths) > 1 or min(lengths) < 2:
        return
    for side in (1, -1):
        turned = [list(sequence)[::side] for sequence in sequences]
        firsts = Counter(sequence[0] for sequence in turned)
        pad, n_padded = firsts.most_common(1)[0]
        runs = [_run_of(pad, sequence) for sequence in turned]
        is_elsewhere = any(
            sequence.count(pad) != run for sequence, run in zip(turned, runs, strict=True)
        )
        is_usual = 2 * n_padded >= len(turned) and sum(run > 1 for run in runs) > 1
        if is_usual and len(set(runs)) > 1 and not is_elsewhere:
            warnings.warn(
                f"{name} are all {len(turned[0])} long, and {n_padded} of {len(turned)} "
                f"{'begin' if side == 1 else 'end'} with {pad!r}, which is nowhere else: it seems "
                "to be padding. It is taken as an item like any other; pass each sequence without "
                "it.",
                UserWarning,
                stacklevel=caller_level(),
            )
            return


def _run_of(pad: Any, sequence: list[Any]) -> int:
    """How often an id is repeated at the beginning of a sequence."""
    return next((n for n, item in enumerate(sequence) if item != pad), len(sequence))
