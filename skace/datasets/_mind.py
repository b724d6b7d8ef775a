"""MIND, the Microsoft news dataset."""
# SPDX-License-Identifier: BSD-3-Clause

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any

from sklearn.utils import Bunch

from skace._sklearn_compat import validate_params
from skace._typing import Ties
from skace.datasets.reading._fields import in_ms, text_id
from skace.datasets.reading._item_texts import check_columns
from skace.datasets.reading._lines import LineReader, check_files
from skace.datasets.reading._plain_text import text_of
from skace.datasets.reading._published import (
    SELECTION,
    EventFiles,
    ItemFiles,
    Source,
    load_published,
)
from skace.datasets.reading._selection import Selection
from skace.datasets.reading._tables import read_rows

__all__ = ["load_mind"]

_SOURCE = Source(
    title="MIND",
    about=(
        "Clicks on news of Microsoft, out of lists that were shown. What users had read before is "
        "in order, but without times."
    ),
    licence=(
        "Licence: Microsoft research license terms; for research, no redistribution. Cite F. Wu et "
        "al. (2020), MIND: a large-scale dataset for news recommendation, ACL."
    ),
    has_ratings=False,
)
_PLACES = {"category": 1, "subcategory": 2, "title": 3, "abstract": 4}
_MOMENT = re.compile(r"(\d\d?)/(\d\d?)/(\d{4}) (\d\d?):(\d\d):(\d\d) ([AP]M)")
_LONG_AGO = -62_135_596_800  # seconds; first in the order of each user


@validate_params(
    {"include_history": ["boolean"], "include_cold": SELECTION["include_cold"]},
    prefer_skip_nested_validation=True,
)
def load_mind(  # noqa: PLR0913 - what loaders share
    behaviors: Any,
    news: Any = None,
    *,
    columns: Any = ("title", "category", "subcategory", "abstract"),
    include_history: bool = True,
    start: Any = None,
    end: Any = None,
    include_cold: bool = False,
    ties: Ties = "keep",
    random_state: Any = None,
) -> Bunch:
    r"""Load the clicks of MIND, the Microsoft news dataset.

    Parameters
    ----------
    behaviors : str, path-like or list of these
        ``behaviors.tsv``, plain or packed. A list: parts, such as those of MINDsmall_train and
        MINDsmall_dev.

    news : str, path-like, list of these or None, default=None
        ``news.tsv`` of the same folders. None: items have ids only.

    columns : str, sequence of str or None, default=("title", "category", "subcategory", "abstract")
        Texts to keep, some of these. None: ids only.

    include_history : bool, default=True
        Whether each user's log begins with the history of the user's first line, that is, with news
        read before. This history is in order, but without times, so all events lose their times.
        False: only clicks on shown news, with their times.

    start, end : date, datetime64, str or None, default=None
        Keep clicks from ``start`` on and before ``end``, given as dates or ISO strings; only with
        ``include_history=False``.

    include_cold : bool, default=False
        Whether the catalog also has news without a kept click.

    ties : {"keep", "shuffle"} or callable, default="keep"
        Order of the events of one user at one moment: that of the file, random, or by a key, as in
        `Interactions`.

    random_state : int, RandomState, Generator or None, default=None
        Source of the random order.

    Returns
    -------
    bunch : Bunch
        With the entries

        interactions : Interactions
            One row per click. The catalog's features are the texts.
        items : dataframe
            Access it as ``bunch["items"]``, because ``bunch.items`` is a method of dict. It has
            ``item_id`` and the columns, and one row per item of the catalog, in pandas, polars or
            pyarrow, the first of these that is installed. Missing texts are empty strings.
        parts : ndarray of shape (n_rows,)
            Only if ``behaviors`` is a list of several: the index of the part that each
            row comes from.
        DESCR : str
            Description with counts.
        licence : str
            Terms of use, and what to cite.

    Raises
    ------
    ValueError
        If a line is malformed (file and line are named), a file is damaged, a column does not
        exist, none of the news is described, or no click is kept.

    FileNotFoundError
        If a file does not exist.

    ImportError
        If no library for frames is installed.

    Notes
    -----
    News that were shown but not clicked are left out. The test set does not contain clicks, so only
    its histories are read. Times are taken as UTC.

    Stability: provisional.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skace.datasets import load_mind
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     behaviors = Path(folder, "behaviors.tsv")
    ...     _ = behaviors.write_text("1\tU1\t11/15/2019 8:55:22 AM\tN7 N2\tN5-1 N9-0\n")
    ...     X = load_mind(behaviors).interactions
    >>> X.items.tolist()
    ['N7', 'N2', 'N5']
    """
    columns = check_columns(columns, _PLACES)
    selection = Selection(start=start, end=end)
    if include_history and (start is not None or end is not None):
        raise ValueError(
            "start and end choose by time, which the history does not have; pass "
            "include_history=False."
        )
    events = EventFiles(
        check_files(behaviors, "behaviors"),
        _clicks(include_history=include_history),
        lambda row: (text_id(row[0]), text_id(row[1]), _seconds(row[2])),
        keeps_times=not include_history,
    )
    described = ItemFiles(
        [] if news is None else check_files(news, "news"),
        lambda lines: read_rows(lines, "\t"),
        lambda row: (text_id(row[0]), [text_of(row[_PLACES[name]]) for name in columns]),
        columns,
        "news",
    )
    return load_published(
        _SOURCE,
        events,
        described,
        selection,
        include_cold=include_cold,
        ties=ties,
        random_state=random_state,
    )


def _clicks(*, include_history: bool) -> Callable[[LineReader], Iterator[tuple[str, str, str]]]:
    """Function from a file to user, news and moment of each click; no moment for what is past."""
    met: set[str] = set()  # users whose history was read, in whichever part

    def read(lines: LineReader) -> Iterator[tuple[str, str, str]]:
        for row in read_rows(lines, "\t"):
            if len(row) != 5:
                raise lines.fault(f"not an impression: 5 fields expected, got {len(row)}.")
            _, user, moment, history, shown = row
            if include_history and user not in met:
                met.add(user)
                yield from ((user, item, "") for item in history.split())
            for item in shown.split():
                if item.endswith("-1"):
                    yield user, item[:-2], moment

    return read


@lru_cache(maxsize=64)
def _seconds(moment: str) -> int:
    """Seconds since 1970 of a moment such as "11/15/2019 8:55:22 AM"."""
    if not moment:
        return _LONG_AGO
    match = _MOMENT.fullmatch(moment)
    if match is None:
        raise ValueError(f"{moment!r} is no moment such as '11/15/2019 8:55:22 AM'")
    month, day, year, hour, minute, second = map(int, match.groups()[:6])
    if not 1 <= hour <= 12:
        raise ValueError(f"{moment!r} has no hour from 1 to 12")
    hour = hour % 12 + (12 if match[7] == "PM" else 0)
    return in_ms(datetime(year, month, day, hour, minute, second)) // 1000
