"""MovieLens, in each of the layouts in which GroupLens publishes it."""
# SPDX-License-Identifier: BSD-3-Clause

import csv
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from sklearn.utils import Bunch

from skace._sklearn_compat import validate_params
from skace.datasets._events import EventColumns, Selection
from skace.datasets._item_texts import ItemTexts, text_of
from skace.datasets._lines import LineReader
from skace.datasets._published import SELECTION, Source, make_bunch

__all__ = ["load_movielens"]

_SOURCE = Source(
    title="MovieLens",
    about=(
        "Ratings of movies by visitors of movielens.org, published by GroupLens. Times are those "
        "of the rating, not of the watching: many visitors rate dozens of movies in one sitting."
    ),
    licence=(
        "Licence: for research; no redistribution and no commercial use without permission of "
        "GroupLens (see the README of the data). Cite F. M. Harper and J. A. Konstan (2015), The "
        "MovieLens datasets: history and context, ACM Transactions on Interactive Intelligent "
        "Systems 5(4), doi:10.1145/2827872."
    ),
)

_NO_GENRE = ("(no genres listed)", "unknown")


@dataclass(frozen=True, slots=True)
class _Layout:
    """Names of the files of a release, and how their lines fall into fields."""

    ratings: str
    movies: str
    split: Callable[[Iterable[str]], Iterator[list[str]]]
    split_movies: Callable[[Iterable[str]], Iterator[list[str]]]
    ratings_header: list[str] | None = None
    movies_header: list[str] | None = None


def _split_by(separator: str) -> Callable[[Iterable[str]], Iterator[list[str]]]:
    """Function that splits lines at a separator that never occurs in a field."""
    return lambda lines: (line.split(separator) for line in lines)


_LAYOUTS = (
    _Layout(
        "ratings.csv",
        "movies.csv",
        csv.reader,
        csv.reader,
        ratings_header=["userId", "movieId", "rating", "timestamp"],
        movies_header=["movieId", "title", "genres"],
    ),
    _Layout("ratings.dat", "movies.dat", _split_by("::"), _split_by("::")),
    _Layout("u.data", "u.item", _split_by("\t"), _split_by("|")),
)


@validate_params(SELECTION, prefer_skip_nested_validation=True)
def load_movielens(
    path: Any,
    *,
    min_rating: float | None = None,
    start: Any = None,
    end: Any = None,
    include_cold: bool = False,
) -> Bunch:
    r"""Load MovieLens from the files that GroupLens publishes.

    Reads ml-100k (``u.data``), ml-1m and ml-10m (``ratings.dat``), ml-20m, ml-25m, ml-32m
    and the "latest" releases (``ratings.csv``), from the zip archive as it was downloaded
    or from a folder.

    Parameters
    ----------
    path : str or path-like
        The zip archive, which is read in place, or a folder that holds the files, itself
        or in one folder below.

    min_rating : float or None, default=None
        Leave out ratings below this one (0.5 to 5). None keeps all, which is usual for
        recommendation of the next item.

    start, end : date, datetime64, str or None, default=None
        Keep events from ``start`` on and before ``end`` (UTC), given as dates or ISO
        strings.

    include_cold : bool, default=False
        Whether movies that nobody rated are in the catalog too.

    Returns
    -------
    bunch : Bunch
        With the entries

        interactions : Interactions
            One row per rating, with timestamps. The catalog's features are the texts.
        items : dataframe
            To be written ``bunch["items"]``: ``bunch.items`` is the method of every dict.
            ``item_id``, ``title`` (with the year) and ``genres``, one row per item of the
            catalog, in pandas, polars or pyarrow, the first of these that is installed. A
            missing text is the empty string.
        ratings : ndarray of shape (n_rows,)
            Stars of each row of ``interactions``.
        DESCR : str
            Description with counts.
        licence : str
            What one may do with the data, and what to cite.

    Raises
    ------
    ValueError
        If a line is malformed (file and line are named), an archive is damaged, or no
        rating is kept.

    FileNotFoundError
        If the files of no release are there.

    ImportError
        If no library for frames is installed.

    See Also
    --------
    fetch_movielens : Download first.

    Notes
    -----
    Lines are streamed, at some hundred thousand ratings per second; a rating takes 28
    bytes until the log is built.

    Stability: provisional.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skace.datasets import load_movielens
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ratings, movies = Path(folder, "ratings.dat"), Path(folder, "movies.dat")
    ...     _ = ratings.write_text("1::1193::5::978300760\n1::661::3::978302109\n")
    ...     _ = movies.write_text("661::James and the Giant Peach (1996)::Animation|Musical\n")
    ...     bunch = load_movielens(folder)
    >>> bunch.interactions
    Interactions(2 rows of 1 users over 2 items, 2000-12-31T22:12:40 to 2000-12-31T22:35:09)
    >>> bunch.ratings
    array([5., 3.], dtype=float32)
    """
    selection = Selection(min_rating, start, end)
    layout, open_lines = _find_release(Path(path).expanduser())
    events = EventColumns()
    lines = open_lines(layout.ratings)
    events.read(lines, _rows(layout.split, lines, layout.ratings_header), _rating_of)
    texts = _read_movies(layout, open_lines)
    return make_bunch(_SOURCE, events, texts, selection, include_cold=include_cold)


def _find_release(path: Path) -> tuple[_Layout, Callable[..., LineReader]]:
    """Layout of the files at ``path``, and a function that opens one of them by name."""
    members = _member_names(path)
    layouts = {layout.ratings: layout for layout in _LAYOUTS}
    found = [member for name in members if (member := PurePosixPath(name)).name in layouts]
    if not found:
        raise FileNotFoundError(f"path={str(path)!r} holds none of {', '.join(layouts)}.")
    if len(found) > 1:
        raise ValueError(
            f"{path} holds several releases: {', '.join(map(str, found))}; name one of them."
        )
    return layouts[found[0].name], _Opener(path, found[0].parent, members)


def _member_names(path: Path) -> list[str]:
    """Names of the files in an archive, or in a folder and the folders just below."""
    if path.is_dir():
        found = [*path.glob("*"), *path.glob("*/*")]
        return [file.relative_to(path).as_posix() for file in found if file.is_file()]
    if not path.is_file():
        raise FileNotFoundError(f"path={str(path)!r} is no file and no folder.")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is no zip archive, or it is cut off; download it again.")
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


@dataclass(frozen=True, slots=True)
class _Opener:
    """Opens the files of one release by their names."""

    path: Path
    folder: PurePosixPath
    members: list[str]

    def __call__(self, name: str, **encoding: Any) -> LineReader:
        member = str(self.folder / name)
        if member not in self.members:
            raise FileNotFoundError(f"{self.path} holds no {member}.")
        if self.path.is_dir():
            return LineReader(self.path / member, **encoding)
        return LineReader(self.path, member, **encoding)


def _rows(split: Any, lines: LineReader, header: list[str] | None) -> Iterator[list[str]]:
    """Fields of each line after the header."""
    rows = split(lines)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise lines.fault(f"{error}.") from error
        if header is None:
            yield row
        elif row == header:
            header = None
        else:
            raise lines.fault(f"header {','.join(header)} expected, got {','.join(row)}.")


def _rating_of(row: list[str]) -> tuple[int, int, int, float]:
    """User, movie, time in seconds and stars."""
    if len(row) != 4:
        raise ValueError(f"4 fields expected, got {len(row)}")
    return int(row[0]), int(row[1]), int(row[3]), float(row[2])


def _read_movies(layout: _Layout, open_lines: Callable[..., LineReader]) -> ItemTexts:
    """Titles and genres of the movies."""
    # The releases up to 1m are in Latin-1, those from 10m on in UTF-8.
    lines = open_lines(layout.movies, fallback="latin-1")
    genre_names = _genre_names(open_lines) if layout.movies == "u.item" else None
    texts = ItemTexts(["title", "genres"])
    for row in _rows(layout.split_movies, lines, layout.movies_header):
        try:
            genres = row[2].split("|") if genre_names is None else _flagged(row[5:], genre_names)
            named = [genre for genre in genres if genre not in _NO_GENRE]
            texts.add(int(row[0]), (text_of(row[1]), text_of(named)))
        except (IndexError, ValueError) as error:
            raise lines.fault(f"not a movie: {error}.") from error
    return texts


def _genre_names(open_lines: Callable[..., LineReader]) -> list[str]:
    """Genres of ml-100k, in the order of the flags of a movie."""
    return [line.split("|")[0] for line in open_lines("u.genre")]


def _flagged(flags: list[str], names: list[str]) -> list[str]:
    """Names whose flag is 1."""
    return [name for flag, name in zip(flags, names, strict=True) if flag == "1"]
