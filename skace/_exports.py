"""What a package of skace offers, found out without torch."""
# SPDX-License-Identifier: BSD-3-Clause

import inspect
from collections.abc import Iterator
from types import ModuleType

__all__ = ["exported_classes"]


def exported_classes(package: ModuleType, base: type) -> Iterator[type]:
    """Classes of a package that can be made, in the order of their names.

    Parameters
    ----------
    package : module
        Its ``_NEED_TORCH``, if it has that, names what is left out.
    base : type
        What they have to be derived from.
    """
    for name in sorted({*package.__all__} - {*getattr(package, "_NEED_TORCH", ())}):
        thing = getattr(package, name)
        if inspect.isclass(thing) and issubclass(thing, base) and not inspect.isabstract(thing):
            yield thing
