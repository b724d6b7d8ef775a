"""Parameters of TextEncoder that objects have now: what to write, and what files of before hold."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, ParamSpec

from skace.embeddings.text.models._function import FunctionModel
from skace.embeddings.text.models._http import HttpModel
from skace.embeddings.text.models._local import LocalModel
from skace.embeddings.text.models._short_forms import EncoderOption

__all__ = ["moved_to", "refuses_moved", "with_encoder_object"]

P = ParamSpec("P")

_LOCAL = "encoder=LocalModel(name, {}=...)"
_HTTP = "encoder=HttpModel(name, base_url, {}=...)"
_NOW = {
    "model": "encoder=name for a model on this machine, encoder=HttpModel(name, base_url) for one "
    "on a server, encoder=FunctionModel(function, name=name) for a function",
    "revision": "encoder=LocalModel(name, revision=...), HttpModel(..., revision=...) or "
    "FunctionModel(function, revision=...)",
    "base_url": "encoder=HttpModel(name, base_url)",
    **{name: _LOCAL.format(name) for name in ("device", "precision", "store_weights")},
    **{name: _HTTP.format(name) for name in ("api_key_env", "n_retries", "timeout")},
}


def moved_to(names: Iterable[str]) -> str:
    """What to write for the first of these names that was a parameter once; "" if none was."""
    name = next((name for name in names if name in _NOW), None)
    if name is None:
        return ""
    return f"{name} is a parameter of what encodes now; write {_NOW[name]} (skace.embeddings)."


def refuses_moved(init: Callable[P, None]) -> Callable[P, None]:
    """Constructor that says of a parameter of before what to write now.

    Raises
    ------
    TypeError
        If it is given one.
    """

    @wraps(init)
    def refusing(*args: P.args, **kwargs: P.kwargs) -> None:  # numpydoc ignore=GL08
        advice = moved_to(kwargs)
        if advice:
            raise TypeError(f"{type(args[0]).__name__}: {advice}")
        init(*args, **kwargs)

    return refusing


def with_encoder_object(state: dict[str, Any]) -> dict[str, Any]:
    """State of a TextEncoder with what encodes as an object, as files of before do not have it.

    Parameters
    ----------
    state : dict
        Attributes; of before if there is a ``model`` among them.

    Returns
    -------
    state : dict
        The same without the parameters that moved.
    """
    if "model" not in state:
        return state
    kept = {name: value for name, value in state.items() if name not in _NOW}
    given = {name: state[name] for name in _NOW if name in state}
    return kept | {"encoder": _encoder_of_before(state.get("encoder"), given)}


def _encoder_of_before(function: Any, given: dict[str, Any]) -> EncoderOption:
    """What encoded, by the parameters of before."""
    model, revision = given["model"], given.get("revision")
    if function is not None:
        is_plain = model is None and revision is None
        return function if is_plain else FunctionModel(function, name=model, revision=revision)
    if given.get("base_url") is not None:
        return HttpModel(model, **_some(given, "base_url revision api_key_env n_retries timeout"))
    return LocalModel(model, **_some(given, "revision device precision store_weights"))


def _some(given: dict[str, Any], names: str) -> dict[str, Any]:
    """Those of these names that are there."""
    return {name: given[name] for name in names.split() if name in given}
