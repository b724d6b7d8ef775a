"""Times and moments: from whatever callers pass to numbers or datetimes that compare."""
# SPDX-License-Identifier: BSD-3-Clause

import datetime
import re
from dataclasses import dataclass
from numbers import Real
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import narwhals as nw
import numpy as np
import numpy.typing as npt

from skace._arrays import plain_array
from skace._typing import BoolArray
from skace._validation import first_few

__all__ = [
    "Moment",
    "Times",
    "check_comparable",
    "check_times",
    "is_before",
    "joined_times",
    "read_moment",
    "refuse_two_units",
    "zone_name",
]

# Where numbers lie that count from 1970, for the years 1980 to 2100.
_EPOCHS = {
    unit: (315_532_800 * factor, 4_102_444_800 * factor)
    for unit, factor in {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6}.items()
}
_PIECE = 2**21  # times that are compared together, which limits memory
# Whole numbers up to here are all different.
_WHOLE = {"float16": 2**11, "float32": 2**24, "float64": 2**53}


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """Times of events, and the zone in which the caller told them.

    Parameters
    ----------
    values : ndarray of shape (n_events,)
        Integers, floats or datetime64. With a zone these are moments in UTC.

    zone : datetime.tzinfo or None
        None for numbers, and for datetimes without a zone.
    """

    values: npt.NDArray[Any]
    zone: datetime.tzinfo | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """One moment as it was told: a number, or a datetime with or without a zone.

    Parameters
    ----------
    value : float, int or numpy.datetime64
        In UTC if it was told with a zone.

    is_aware : bool
        Whether it was told with a zone.
    """

    value: Any
    is_aware: bool = False


def check_times(values: Any, n_events: int, name: str = "timestamps") -> Times | None:
    """Times of events: numbers, datetimes with or without a zone, none of them missing.

    Parameters
    ----------
    values : array-like of shape (n_events,) or None
        Numbers, datetime64, datetimes, or a Series of pandas, polars or pyarrow.

    n_events : int
        How many there have to be.

    name : str, default="timestamps"
        What the caller calls them.

    Returns
    -------
    times : Times or None
        None if ``values`` is.

    Raises
    ------
    ValueError
        If they are of another shape or kind, missing, or cannot tell events apart.
    """
    if values is None:
        return None
    array, zone = _unzoned(values, name)
    if array.shape != (n_events,):
        raise ValueError(
            f"{name} must have one value per event: expected shape ({n_events},), got "
            f"{array.shape}."
        )
    if array.dtype == object and array.size:
        array, zone = _of_datetimes(array, name)
    if array.dtype.kind not in "iufM" and array.size:
        raise ValueError(
            f"{name} must be numbers or datetime64, got dtype {array.dtype} (first value "
            f"{first_few(array[:1])}); parse them first, for example with "
            "pandas.to_datetime(times, utc=True)."
        )
    _refuse_missing(array, name)
    _refuse_rounded(array, name)
    refuse_two_units([array], name)
    return Times(array, zone)


def _unzoned(values: Any, name: str) -> tuple[npt.NDArray[Any], datetime.tzinfo | None]:
    """Array of times, in UTC if the values have a zone, and the zone."""
    if nw.dependencies.is_pandas_index(values):
        values = values.to_series()
    if nw.dependencies.is_pandas_series(values) and getattr(values.dtype, "tz", None) is not None:
        # Not through narwhals, which does not know the names of all zones of pandas.
        utc = values.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        return utc, _zone_of(str(values.dtype.tz), name)
    if nw.dependencies.is_into_series(values):
        series = nw.from_native(values, series_only=True)
        zone = getattr(series.dtype, "time_zone", None)
        if zone is not None:
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return series.to_numpy(), None if zone is None else _zone_of(zone, name)
    return plain_array(values, name), None


def _zone_of(text: str, name: str) -> datetime.tzinfo:
    """Zone by its name, or by its distance from UTC."""
    if text == "UTC":
        return datetime.UTC
    offset = re.fullmatch(r"(?:UTC)?([+-])(\d\d):?(\d\d)", text)
    if offset:
        sign, hours, minutes = offset.groups()
        distance = datetime.timedelta(hours=int(hours), minutes=int(minutes))
        return datetime.timezone(-distance if sign == "-" else distance)
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(
            f"{name} are in the time zone {text!r}, of which this Python knows nothing; install "
            "tzdata, or convert them to UTC."
        ) from error


def zone_name(zone: datetime.tzinfo) -> str:
    """Name by which frames know a zone; a fixed distance from UTC has none, and becomes UTC."""
    return zone.key if isinstance(zone, ZoneInfo) else "UTC"


def _of_datetimes(
    array: npt.NDArray[Any], name: str
) -> tuple[npt.NDArray[Any], datetime.tzinfo | None]:
    """Datetimes or dates of Python as datetime64; anything else is handed back."""
    objects = array.tolist()
    if not all(isinstance(value, datetime.date) for value in objects):
        return array, None
    zones = [getattr(value, "tzinfo", None) for value in objects]
    is_naive = [zone is None for zone in zones]
    if not any(is_naive):
        utc = [value.astimezone(datetime.UTC).replace(tzinfo=None) for value in objects]
        return np.array(utc, dtype="datetime64[us]"), zones[0]
    if not all(is_naive):
        raise ValueError(
            f"{name} mix datetimes with a time zone and without one (first without at position "
            f"{is_naive.index(True)}); give all of them a zone, or none."
        )
    return np.array(objects, dtype="datetime64[us]"), None


def _refuse_missing(array: npt.NDArray[Any], name: str) -> None:
    """Raise if a time is missing."""
    if not array.size:
        return
    is_missing = np.isnat(array) if array.dtype.kind == "M" else ~np.isfinite(array)
    if is_missing.any():
        kinds = {"missing": np.isnan, "infinite": np.isinf} if array.dtype.kind == "f" else {}
        words = [word for word, is_of_kind in kinds.items() if is_of_kind(array).any()]
        raise ValueError(
            f"{name} is {' or '.join(words) or 'missing'} for {int(is_missing.sum())} event(s), "
            f"first at position {int(np.argmax(is_missing))}; drop these events, or pass "
            "timestamps=None if the events are in time order."
        )


def _refuse_rounded(array: npt.NDArray[Any], name: str) -> None:
    """Raise for floats so large that neighbours among the whole numbers are the same."""
    whole = _WHOLE.get(array.dtype.name)
    if whole is not None and array.size and np.abs(array).max() >= whole:
        raise ValueError(
            f"{name} are {array.dtype} and reach {np.abs(array).max():g}, where this type no "
            "longer tells whole numbers apart, so that the order of events is lost; pass integers, "
            "or float64 that was read as such."
        )


def refuse_two_units(arrays: list[npt.NDArray[Any]], name: str) -> None:
    """Raise if some numbers are seconds since 1970 and others milli- or microseconds."""
    arrays = [array for array in arrays if array.size and array.dtype.kind != "M"]
    if max((int(array.max()) for array in arrays), default=0) < _EPOCHS["milliseconds"][0]:
        return
    found, n_found = {}, 0
    for unit, (low, high) in _EPOCHS.items():
        count = sum(int(((array >= low) & (array <= high)).sum()) for array in arrays)
        n_found += count
        if count:
            found[unit] = count
    # Numbers elsewhere are from another clock, of which nothing is known.
    if len(found) > 1 and n_found == sum(array.size for array in arrays):
        counts = " and ".join(f"{unit} ({count} of them)" for unit, count in found.items())
        raise ValueError(
            f"{name} look like {counts} since 1970, and cannot be compared; bring them to one unit."
        )


def joined_times(parts: list[Times | None]) -> Times | None:
    """Times of several logs, one after the other, once they are known to compare."""
    times = [part for part in parts if part is not None]
    if not times:
        return None
    arrays = [part.values for part in times]
    unit = np.result_type(*arrays)
    if unit.kind == "M":
        unit = _unit_that_holds(arrays, unit)
    return Times(np.concatenate([array.astype(unit) for array in arrays]), times[0].zone)


def check_comparable(parts: list[Times | None]) -> None:
    """Raise if only some logs have times, or theirs cannot be compared."""
    times = [part for part in parts if part is not None]
    if not times:
        return
    if len(times) < len(parts):
        raise ValueError("some parts have timestamps and others have none; give all of them times.")
    arrays = [part.values for part in times]
    is_date = [array.dtype.kind == "M" for array in arrays]
    if any(is_date) and not all(is_date):
        raise ValueError(
            f"the timestamps of part {is_date.index(True)} are datetimes, those of part "
            f"{is_date.index(False)} are numbers; convert one of them."
        )
    has_zone = [part.zone is not None for part in times]
    if any(has_zone) and not all(has_zone):
        raise ValueError(
            f"the timestamps of part {has_zone.index(True)} have a time zone, those of part "
            f"{has_zone.index(False)} have none, so it is not known which came first; give them a "
            "zone, for example with .dt.tz_localize."
        )
    refuse_two_units(
        [piece for array in arrays for piece in _pieces(array)], "the timestamps of the parts"
    )


def _pieces(array: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """Views of an array that are compared with something one after the other."""
    return [array[begin : begin + _PIECE] for begin in range(0, array.size, _PIECE)]


def _unit_that_holds(arrays: list[npt.NDArray[Any]], finest: Any) -> Any:
    """The finest unit of datetime64 in which no time of the arrays overflows."""
    for unit in (finest, np.dtype("M8[us]"), np.dtype("M8[ms]"), np.dtype("M8[s]")):
        back = [array.astype(unit).astype(array.dtype) == array for array in arrays]
        if all(same.all() for same in back):
            return unit
    raise ValueError(
        "no unit of datetime64 holds the timestamps of all parts: some are too far from 1970, "
        "others too fine; convert them to one unit, for example with .astype('datetime64[us]')."
    )


def read_moment(value: Any, name: str) -> Moment:
    """One moment: a number, datetime, datetime64 or ISO string.

    Raises
    ------
    ValueError
        If it is none of these, missing, or several.
    """
    moment = _read_date(value, name)
    if moment is None and isinstance(value, (Real, np.integer, np.floating)):
        moment = None if isinstance(value, (bool, np.bool_)) else Moment(value)
    if moment is None:
        raise ValueError(
            f"{name} must be one moment, a number, a datetime or an ISO string, got {value!r}."
        )
    is_date = isinstance(moment.value, np.datetime64)
    if np.isnat(moment.value) if is_date else not np.isfinite(moment.value):
        raise ValueError(f"{name} is {value!r}, which is no moment; give one, or leave it out.")
    return moment


def _read_date(value: Any, name: str) -> Moment | None:
    """Moment from a date of any kind; None for what is none."""
    if isinstance(value, str):
        value = _parsed(value, name)
    if isinstance(value, np.datetime64):
        return Moment(value)
    if hasattr(value, "to_datetime64"):  # pandas: nanoseconds, in UTC where there is a zone
        return Moment(value.to_datetime64(), getattr(value, "tzinfo", None) is not None)
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        utc = value.astimezone(datetime.UTC).replace(tzinfo=None)
        return Moment(np.datetime64(utc, "us"), is_aware=True)
    if isinstance(value, datetime.date):
        return Moment(np.datetime64(value, "us"))
    return None


def _parsed(text: str, name: str) -> Any:
    """Datetime or datetime64 from an ISO string."""
    try:
        return datetime.datetime.fromisoformat(text)
    except ValueError:
        pass
    try:  # months, years, nanoseconds
        return np.datetime64(text) if text[-1:].isdigit() else np.datetime64("NaT")
    except ValueError as error:
        raise ValueError(
            f"{name} is the text {text!r}, which is no date; write it as in '2024-03-02' or "
            "'2024-03-02T12:00'."
        ) from error


def is_before(times: Times, moment: Moment, name: str) -> BoolArray:
    """Whether each time is earlier than a moment; without a zone it is read in that of the times.

    Raises
    ------
    ValueError
        If the moment is of another kind than the times.
    """
    values, value = times.values, moment.value
    is_date = isinstance(value, np.datetime64)
    if is_date != (values.dtype.kind == "M"):
        kinds = [("numbers", "datetimes")[flag] for flag in (is_date, values.dtype.kind == "M")]
        shown = f" (first {values[0]})" if values.size else ""
        raise ValueError(
            f"{name} {'are' if name == 'cuts' else 'is'} {value}, but the timestamps are "
            f"{kinds[1]}{shown}; give {kinds[1]} instead of {kinds[0]}."
        )
    if not is_date:
        return np.asarray(values < value)
    if moment.is_aware and times.zone is None:
        raise ValueError(
            f"{name} has a time zone, but the timestamps have none; give a moment without one."
        )
    if times.zone is not None and not moment.is_aware:
        value = _in_utc(value, times.zone)
    return np.asarray(values < _in_unit(value, values.dtype))


def _in_utc(value: Any, zone: datetime.tzinfo) -> Any:
    """UTC of what clocks show in a zone; beyond the years that Python knows the value itself."""
    clock = value.astype("M8[us]")
    try:
        utc = clock.item().replace(tzinfo=zone).astimezone(datetime.UTC).replace(tzinfo=None)
    except (AttributeError, OverflowError):
        return value
    return value + (np.datetime64(utc, "us") - clock)


def _in_unit(value: Any, dtype: Any) -> Any:
    """A moment that can be compared with such times; beyond their range it becomes its end."""
    unit: Any = np.datetime_data(np.promote_types(dtype, value.dtype))[0]
    # Not to the very end: the least number of all is NaT, and rounding down must not overflow.
    last, first = (np.datetime64(sign * (2**63 - 10**15), unit) for sign in (1, -1))
    if value > last.astype(value.dtype):
        return last
    return first if value < first.astype(value.dtype) else value
