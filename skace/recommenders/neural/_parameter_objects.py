"""Parameters that are objects: item tables and losses, and what None stands for."""
# SPDX-License-Identifier: BSD-3-Clause

from skace._sklearn_compat import InvalidParameterError

__all__ = ["check_can_be_set", "check_is_object"]


def check_is_object(name, value, example):
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
    if isinstance(value, type):
        found, remedy = f"the class {value.__name__}", f"an instance, {value.__name__}()"
    elif isinstance(value, str):
        found, remedy = f"the text {value!r}", f"an object such as {example}"
    else:
        return
    raise InvalidParameterError(f"{name} is {found}; pass {remedy}.")


def check_can_be_set(name, value, params, default):
    """Raise if ``params`` set a parameter of an object that is None.

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
    if inner and params.get(name, value) is None:
        raise ValueError(
            f"{inner[0]} cannot be set, because {name} is None, which has no parameters; set "
            f"{name}={default}, which is what None stands for, or another object first."
        )
