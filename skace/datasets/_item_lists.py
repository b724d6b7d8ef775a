"""Lists of items by user, as the code of many papers reads them."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Iterator
from typing import Any

from sklearn.utils import Bunch

from skace.datasets.reading._fields import text_id
from skace.datasets.reading._lines import LineReader, check_files
from skace.datasets.reading._published import EventFiles, Source, load_published

__all__ = ["load_item_lists"]

_SOURCE = Source(
    title="Lists of items",
    about="A log without times; the events of a user are in the order of the file.",
    licence="Licence: that of the data set from which the files were made.",
    has_ratings=False,
)


def load_item_lists(lists: Any) -> Bunch:
    r"""Load a log from files of item lists, as published with the code of papers.

    A line holds a user and the items that this user took, separated by blanks or tabs. A user may
    have several lines; their items follow each other. So it reads

    * ``user item`` lines, as SASRec, BERT4Rec and many after them have it;
    * one line a user, as in S3-Rec and P5 (``sequential_data.txt``);
    * ``train.txt`` and ``test.txt`` of LightGCN, whose lists are in no order of time.

    Parameters
    ----------
    lists : str, path-like or list of these
        The file, plain or packed. A list: parts, such as ``["train.txt", "test.txt"]``; a user's
        events in one part come before those in the next.

    Returns
    -------
    bunch : Bunch
        With the entries

        interactions : Interactions
            One row per event, without timestamps. Ids are those of the file: integers if all
            of them are whole numbers, else strings.
        items : dataframe
            Access it as ``bunch["items"]``, because ``bunch.items`` is a method of dict. It has the
            column ``item_id``, in pandas, polars or pyarrow, the first of these that is installed.
        parts : ndarray of shape (n_rows,)
            Only if ``lists`` is a list of several: the index of the part that each row comes from.
        DESCR : str
            Description with counts.
        licence : str
            Says that the licence is that of the data set.

    Raises
    ------
    ValueError
        If a line is malformed (file and line are named), or there is no event.

    FileNotFoundError
        If a file does not exist.

    ImportError
        If no library for frames is installed.

    See Also
    --------
    skace.Interactions.from_sequences : From lists in memory.

    Notes
    -----
    A user without items has no row. Such files do not describe items. Add features of your own with
    ``bunch.interactions.with_features(F)``, one row per item of ``bunch["items"]``.

    Stability: provisional.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skace.datasets import load_item_lists
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "Beauty.txt")
    ...     _ = path.write_text("7 31 30 34\n9 30\n")
    ...     X = load_item_lists(path).interactions
    >>> X.users.tolist(), X.items.tolist()
    ([7, 7, 7, 9], [31, 30, 34, 30])
    """
    events = EventFiles(
        check_files(lists, "lists"), _read_lists, _event_of, time_unit=None, reads_numbers=True
    )
    return load_published(_SOURCE, events)


def _read_lists(lines: LineReader) -> Iterator[tuple[str, str]]:
    """User and item of each event."""
    for line in lines:
        user, *items = line.split()
        if not items and any(mark in user for mark in ",;|:["):
            raise lines.fault(
                f"a user and items with blanks between them expected, got {line[:60]!r}; put a "
                "blank in place of what stands between them."
            )
        for item in items:
            yield user, item


def _event_of(row: tuple[str, str]) -> tuple[str, str]:
    """User and item."""
    return text_id(row[0]), text_id(row[1])
