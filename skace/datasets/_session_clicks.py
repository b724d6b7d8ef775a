"""Clicks of sessions in shops: yoochoose, Diginetica, RetailRocket and Otto."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sklearn.utils import Bunch

from skace._typing import Ties
from skace.datasets.reading._fields import in_ms, text_id, whole
from skace.datasets.reading._lines import LineReader, check_files
from skace.datasets.reading._published import EventFiles, Source, load_published
from skace.datasets.reading._records import read_records
from skace.datasets.reading._selection import Selection
from skace.datasets.reading._tables import plain_name, read_named_rows, read_rows

__all__ = ["load_session_clicks"]


@dataclass(frozen=True, slots=True)
class _Format:
    """One published log: how to tell it, and how to read it."""

    title: str
    licence: str
    begins: Callable[[str], bool]  # whether the first line is one of this format
    rows: Callable[[LineReader], Iterator[Any]]
    parse: Callable[[Any], tuple[Any, Any, int]]  # user, item and time in milliseconds
    kind: Callable[[Any], Any] | None = None  # what was done in a row
    kinds: Sequence[str] = ()
    reads_numbers: bool = True


def _has_names(*names: str) -> Callable[[str], bool]:
    """Function that tells whether a line is a header with these names."""
    return lambda line: (
        {*map(plain_name, names)} <= {*map(plain_name, line.replace(";", ",").split(","))}
    )


def _is_click_of_yoochoose(line: str) -> bool:
    """Whether a line is a session, a moment and an item."""
    fields = line.split(",")
    if len(fields) < 4 or not fields[0].isdecimal():
        return False
    try:
        return datetime.fromisoformat(fields[1]).year > 0
    except ValueError:
        return False


_YOOCHOOSE = _has_names("session_id", "timestamp", "item_id")  # copies have this header


def _rows_of_yoochoose(lines: LineReader) -> Iterator[list[str]]:
    for row in read_rows(lines, ","):
        if row[0][:1].isdecimal():
            yield row
        elif not _YOOCHOOSE(",".join(row)):
            raise lines.fault(f"not a click: session, time and item expected, got {row[0][:60]!r}.")


def _views_of_diginetica(row: list[str]) -> tuple[str, str, int]:
    # The frame tells the milliseconds since the session began.
    return text_id(row[0]), text_id(row[1]), in_ms(datetime.fromisoformat(row[3])) + whole(row[2])


def _events_of_otto(lines: LineReader) -> Iterator[tuple[Any, Any]]:
    """Session and event, of each line with a session."""
    for record in read_records(lines):
        try:
            session, events = record["session"], record["events"]
        except KeyError as error:
            raise lines.misread("a session", error, record) from error
        if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
            raise lines.fault(
                f"not a session: 'events' is no list of records, but {repr(events)[:60]}."
            )
        for event in events:
            yield session, event


def _event_of_otto(row: tuple[Any, Any]) -> tuple[int, int, int]:
    session, event = row
    return whole(session), whole(event["aid"]), whole(event["ts"])


_FORMATS = (
    _Format(
        title="Otto sessions",
        licence=(
            "Licence: CC BY 4.0. Cite P. Normann, S. Baumeister and T. Wilm (2023), OTTO "
            "recommender systems dataset, Kaggle."
        ),
        begins=lambda line: line.lstrip().startswith(("{", "[")) and '"events"' in line,
        rows=_events_of_otto,
        parse=_event_of_otto,
        kind=lambda row: row[1].get("type"),
        kinds=("clicks", "carts", "orders"),
        reads_numbers=False,
    ),
    _Format(
        title="RetailRocket events",
        licence=(
            "Licence: CC BY-NC-SA 4.0. Cite R. Zykov, A. Noskov and A. Anokhin (2022), "
            "Retailrocket recommender system dataset, Kaggle."
        ),
        begins=_has_names("timestamp", "visitorid", "event", "itemid"),
        rows=lambda lines: read_named_rows(
            lines, ",", ("visitorid", "itemid", "timestamp", "event"), quotes=True
        ),
        parse=lambda row: (text_id(row[0]), text_id(row[1]), whole(row[2])),
        kind=lambda row: row[3],
        kinds=("view", "addtocart", "transaction"),
    ),
    _Format(
        title="Diginetica sessions",
        licence="Licence: that of the CIKM Cup 2016; for research, do not redistribute.",
        begins=_has_names("sessionId", "itemId", "timeframe", "eventdate"),
        rows=lambda lines: read_named_rows(
            lines, ";", ("sessionId", "itemId", "timeframe", "eventdate")
        ),
        parse=_views_of_diginetica,
    ),
    _Format(
        title="yoochoose clicks",
        licence=(
            "Licence: CC BY-NC-ND 4.0. Cite D. Ben-Shimon et al. (2015), RecSys challenge 2015 and "
            "the YOOCHOOSE dataset, RecSys."
        ),
        begins=lambda line: _is_click_of_yoochoose(line) or _YOOCHOOSE(line),
        rows=_rows_of_yoochoose,
        parse=lambda row: (
            text_id(row[0]),
            text_id(row[2]),
            in_ms(datetime.fromisoformat(row[1])),
        ),
    ),
)


def load_session_clicks(
    clicks: Any,
    *,
    kinds: str | Sequence[str] | None = None,
    start: Any = None,
    end: Any = None,
    ties: Ties = "keep",
    random_state: Any = None,
) -> Bunch:
    r"""Load clicks of sessions that shops have published.

    The first line of the file tells which log it is:

    ==============  ==========================================  =================================
    log             file                                        a user is
    ==============  ==========================================  =================================
    yoochoose       ``yoochoose-clicks.dat`` (or ``-buys``)     a session
    Diginetica      ``train-item-views.csv``                    a session
    RetailRocket    ``events.csv``                              a visitor
    Otto            ``train.jsonl``                             a session
    ==============  ==========================================  =================================

    Parameters
    ----------
    clicks : str, path-like or list of these
        The file, plain or packed. A list: the parts of one log.

    kinds : str, sequence of str or None, default=None
        Kinds of events to keep: some of "view", "addtocart" and "transaction" (RetailRocket), or of
        "clicks", "carts" and "orders" (Otto). None: all. The other two logs have no kinds.

    start, end : date, datetime64, str or None, default=None
        Keep events from ``start`` on and before ``end`` (UTC), given as dates or ISO strings.

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
            One row per event, with timestamps in milliseconds. Ids are integers. Items have no
            texts, because these shops do not describe them.
        items : dataframe
            Access it as ``bunch["items"]``, because ``bunch.items`` is a method of dict. It has the
            column ``item_id``, in pandas, polars or pyarrow, the first of these that is installed.
        parts : ndarray of shape (n_rows,)
            Only if ``clicks`` is a list of several: the index of the part that each row comes from.
        DESCR : str
            Description with counts.
        licence : str
            Known terms of use, and what to cite.

    Raises
    ------
    ValueError
        If a file is not one of these logs, parts are of different logs, a kind is not in the log, a
        line is malformed (file and line are named), or no event is kept.

    FileNotFoundError
        If a file does not exist.

    ImportError
        If no library for frames is installed.

    Notes
    -----
    The time of a view of Diginetica is the day of its session plus ``timeframe``, the
    milliseconds since the session began. The day alone would not give the order.

    Stability: provisional.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skace.datasets import load_session_clicks
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "yoochoose-clicks.dat")
    ...     _ = path.write_text("1,2014-04-07T10:51:09.277Z,214536502,0\n")
    ...     X = load_session_clicks(path).interactions
    >>> X.items.tolist(), X.timestamps.tolist()
    ([214536502], [datetime.datetime(2014, 4, 7, 10, 51, 9, 277000)])
    """
    selection = Selection(start=start, end=end)
    files = check_files(clicks, "clicks")
    form = _format_of(files)
    wanted = _check_kinds(kinds, form)
    events = EventFiles(
        files,
        lambda lines: _kept_rows(lines, form, wanted),
        form.parse,
        "ms",
        reads_numbers=form.reads_numbers,
    )
    about = "Events of sessions in a shop. Items are known by number only."
    source = Source(form.title, about, form.licence, has_ratings=False)
    return load_published(source, events, selection=selection, ties=ties, random_state=random_state)


def _format_of(files: Sequence[LineReader]) -> _Format:
    """The one format of all files."""
    found = []
    for lines in files:
        first = next(iter(lines), "")
        form = next((form for form in _FORMATS if form.begins(first)), None)
        if form is None:
            raise ValueError(
                f"{lines.name} is none of yoochoose-clicks.dat, train-item-views.csv (Diginetica), "
                f"events.csv (RetailRocket) and train.jsonl (Otto); it begins with {first[:60]!r}. "
                "Read it with pandas, and pass the frame to Interactions.from_frame."
            )
        found.append(form)
    titles = list(dict.fromkeys(form.title for form in found))
    if len(titles) > 1 or found.count(found[0]) < len(found):
        raise ValueError(f"clicks has parts of {' and '.join(titles)}; give parts of one log.")
    return found[0]


def _check_kinds(kinds: Any, form: _Format) -> list[str] | None:
    """Kinds of events as a list, all of them in the log."""
    if kinds is None:
        return None
    wanted = [kinds] if isinstance(kinds, str) else list(kinds)
    if not wanted or not set(wanted) <= set(form.kinds):
        choices = f"out of {', '.join(map(repr, form.kinds))}, or " if form.kinds else ""
        raise ValueError(
            f"kinds must be {choices}None for all events of {form.title}; got {kinds!r}."
        )
    return wanted


def _kept_rows(lines: LineReader, form: _Format, wanted: Sequence[str] | None) -> Iterator[Any]:
    """Rows of the kinds that are wanted."""
    for row in form.rows(lines):
        if wanted is None or form.kind is None or form.kind(row) in wanted:
            yield row
