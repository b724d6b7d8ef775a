"""Parameters that are objects: item tables, losses, models of texts, and what None stands for."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import Any

from skace._sklearn_compat import InvalidParameterError

__all__ = ["check_can_be_set", "check_is_no_class", "check_is_object"]


def check_is_object(name: str, value: Any, example: str) -> None:
    """Raise if a parameter that takes an object is a class or a name.

    Parameters
    ----------
    name : str
        Parameter.

    value : object
        What it is set to.

    example : str
        How such an object is made.

    Raises
    ------
    InvalidParameterError
        A ValueError and a TypeError.
    """
    check_is_no_class(name, value)
    if isinstance(value, str):
        raise InvalidParameterError(
            f"{name} is the text {value!r}; pass an object such as {example}."
        )


def check_is_no_class(name: str, value: Any) -> None:
    """Raise if a parameter that takes an object is its class.

    Parameters
    ----------
    name : str
        Parameter.

    value : object
        What it is set to.

    Raises
    ------
    InvalidParameterError
        A ValueError and a TypeError.
    """
    if isinstance(value, type):
        raise InvalidParameterError(
            f"{name} is the class {value.__name__}; pass an instance, {value.__name__}()."
        )


def check_can_be_set(name: str, value: Any, params: dict[str, Any], default: str) -> None:
    """Raise if ``params`` set a parameter of what has none: None, a text, a function.

    Parameters
    ----------
    name : str
        Parameter that takes the object.

    value : object
        What it is set to now.

    params : dict
        What is to be set.

    default : str
        The object that None stands for, as it is made.

    Raises
    ------
    ValueError
        If so.
    """
    inner = [given for given in params if given.startswith(f"{name}__")]
    value = params.get(name, value)
    if not inner or hasattr(value, "set_params"):
        return
    if value is None:
        remedy = f"set {name}={default}, which is what None stands for, or another object first"
    else:
        remedy = f"set {name} to an object, such as {name}={default}, first"
    raise ValueError(
        f"{inner[0]} cannot be set, because {name} is {value!r}, which has no parameters; {remedy}."
    )
