"""JoinedRows: rows of several logs in one, and of a log that grows."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Iterable
from typing import Any, Self

from skace.data import _merge
from skace.data._append import appended
from skace.data._derived import DerivedRows

__all__ = ["JoinedRows"]


class JoinedRows(DerivedRows):
    """Rows that can be joined with others."""

    @classmethod
    def concat(cls, parts: Iterable[Self], *, drop_duplicates: bool = False) -> Self:
        """Join logs and rows.

        Parameters
        ----------
        parts : iterable of Interactions
            Slices of one log are joined row after row. Different logs are merged: users and items
            are matched by id, and the events of a user are sorted by time (by the order of the
            parts where times are equal or absent). Tied events of one part keep their order. A
            ``tie_key`` is kept if all parts have it.

        drop_duplicates : bool, default=False
            Whether to keep only the first of events that have user, item and time in common. For
            logs with timestamps that overlap.

        Returns
        -------
        X : Interactions
            Rows of all parts, repeats included; for different logs in the order of the merged log.
            ``source_rows`` counts on through the parts.

        Raises
        ------
        ValueError
            If an item has different features in two catalogs, only one catalog has features, only
            some parts have timestamps or weights, times cannot be compared (numbers and datetimes,
            two units, with a time zone and without), or ids differ in type.

        Warns
        -----
        RepeatedEventsWarning
            If events of one log repeat events of another, because the logs overlap.

        Examples
        --------
        >>> from skace import Interactions
        >>> monday = Interactions(["al"], ["pen"], [1])
        >>> tuesday = Interactions(["al", "bo"], ["ink", "pen"], [2, 2])
        >>> Interactions.concat([monday, tuesday]).items
        array(['pen', 'ink', 'pen'], dtype='<U3')
        """
        parts = list(parts)
        if not parts:
            raise ValueError("parts is empty; give at least one Interactions.")
        if all(part._log is parts[0]._log for part in parts):
            return parts[0]._derive(**_merge.joined_rows(parts))
        return parts[0]._derive(**_merge.merged_logs(parts, bool(drop_duplicates)))

    def append(
        self,
        new_events: Self,
        *,
        drop_duplicates: bool = False,
        folder: Any = None,
        only_new: bool = False,
    ) -> Self:
        """Add a smaller, later log to this one, without sorting again.

        The result equals ``concat([X, new_events])``, but one pass puts the new events in their
        places.

        Parameters
        ----------
        new_events : Interactions
            All rows of another log, with times of the same type. Users and items may be new.
            Events may also be earlier than some of X.

        drop_duplicates : bool, default=False
            As in `concat`.

        folder : str, path or None, default=None
            New or empty folder for the joined log, as in `from_parquet`. None: a temporary folder
            if the log of X is in files, otherwise memory.

        only_new : bool, default=False
            Whether to return the rows of the new events alone, with all earlier events in their
            pasts. This is what ``partial_fit`` needs to learn what came after what.

        Returns
        -------
        X : Interactions
            Rows of the joined log. X and its files stay as they are.

        Raises
        ------
        ValueError
            If one of the two is a slice or holds queries, times differ in type, or ``folder`` is
            not empty; also as `concat` does.

        TypeError
            If ``new_events`` is not an Interactions object.

        Warns
        -----
        RepeatedEventsWarning
            If events repeat user, item and time of earlier ones.

        Examples
        --------
        >>> from skace import Interactions
        >>> monday = Interactions(["al", "bo"], ["pen", "cap"], [1, 1])
        >>> tuesday = Interactions(["al"], ["ink"], [2])
        >>> monday.append(tuesday).items
        array(['pen', 'ink', 'cap'], dtype='<U3')
        >>> new = monday.append(tuesday, only_new=True)
        >>> new.items, new.next_queries().users
        (array(['ink'], dtype='<U3'), array(['al'], dtype='<U2'))
        """
        if not isinstance(new_events, JoinedRows):
            raise TypeError(
                f"new_events must be Interactions, got {type(new_events).__name__}; wrap a frame "
                "with Interactions.from_frame(frame)."
            )
        log, catalog = appended(
            self, new_events, drop_duplicates=bool(drop_duplicates), folder=folder
        )
        joined = self._derive(log=log, catalog=catalog, ends=range(log.n_events))
        return joined[joined.source_rows >= self._log.n_inputs] if only_new else joined
