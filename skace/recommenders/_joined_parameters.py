"""Parameters that recommenders of a kind share, joined to those of each class when it is made."""
# SPDX-License-Identifier: BSD-3-Clause

import inspect
import re

__all__ = ["join_parameters", "refuse_unknown", "without_keywords"]

_LINES = re.M | re.S


def join_parameters(cls, parent):
    """Join what a class inherits to what its constructor names before ``**shared``.

    scikit-learn reads signatures, constraints and docstrings of classes, and does not follow
    ``**shared``. So those of the parent become part of the class's own: after its own
    parameters in the signature, in the table of constraints, and in place of the entry
    ``**shared`` in the docstring. A constructor that names all its parameters is left as it is.

    Parameters
    ----------
    cls : type
        A class with a constructor of its own.

    parent : type
        What its constructor hands ``**shared`` to.
    """
    own = inspect.signature(cls.__init__)
    if not any(p.kind is p.VAR_KEYWORD for p in own.parameters.values()):
        return
    cls.__init__.__signature__ = _joined_signature(own, inspect.signature(parent.__init__))
    cls._parameter_constraints = {
        **parent._parameter_constraints,
        **vars(cls).get("_parameter_constraints", {}),
    }
    if cls.__doc__:
        cls.__doc__ = _joined_docstring(inspect.cleandoc(cls.__doc__), _described(cls))


def _joined_signature(own, parent):
    """Own parameters, then those of the parent that are not among them."""
    named = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
    inherited = [p for name, p in parent.parameters.items() if name not in own.parameters]
    return own.replace(parameters=[*named, *inherited])


def refuse_unknown(estimator, unknown):
    """Raise a TypeError for a keyword that nothing takes, by the class that was asked for."""
    for name in unknown:
        raise TypeError(
            f"{type(estimator).__name__}.__init__() got an unexpected keyword argument {name!r}"
        )


def without_keywords(function):
    """Signature of a function without its ``**`` parameter, which only refuses names."""
    signature = inspect.signature(function)
    named = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    return signature.replace(parameters=named)


def _described(cls):
    """Docstring of the nearest parent that describes its parameters."""
    docstrings = (inspect.cleandoc(parent.__doc__ or "") for parent in cls.__mro__[1:])
    return next((text for text in docstrings if _section(text, "Parameters")), "")


def _joined_docstring(own, parent):
    """Docstring with the parent's parameters for ``**shared``, and with its attributes."""
    entry = re.search(r"^\*\*\w+.*\n(?: .*\n|\n)*", own, re.M)
    if entry is None:
        return own
    names = re.findall(r"^(\w+) : ", _section(own, "Parameters"), re.M)
    inherited = _without(_section(parent, "Parameters"), names)
    attributes = _section(own, "Attributes")
    named = re.findall(r"^(\w+) : ", attributes, re.M)
    attributes += _without(_section(parent, "Attributes"), named)
    rest = re.sub(_pattern("Attributes"), "", own[entry.end() :], flags=_LINES)
    return own[: entry.start()] + inherited + _headed("Attributes", attributes) + rest


def _section(docstring, title):
    """Entries of a section, each followed by an empty line; "" if there is none."""
    found = re.search(_pattern(title), docstring, _LINES)
    return found[1].rstrip("\n") + "\n\n" if found else ""


def _pattern(title):
    """Of a section: its title, a line, its entries up to the next title or the end."""
    return rf"^{title}\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)"


def _headed(title, entries):
    """A section with its title; "" if it has no entries."""
    return f"{title}\n{'-' * len(title)}\n{entries}" if entries else ""


def _without(entries, names):
    """Entries of a section but those of some names."""
    for name in names:
        entries = re.sub(rf"^{name} : .*\n(?: .*\n|\n)*", "", entries, flags=re.M)
    return entries
