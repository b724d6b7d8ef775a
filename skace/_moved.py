"""Where modules were before: files of models name them, and still open."""
# SPDX-License-Identifier: BSD-3-Clause

import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["MOVED", "find_moved"]

_ROOMS: dict[str, dict[str, tuple[str, ...]]] = {
    "skace.recommenders": {
        "linear": ("ease", "l3ae", "rlae", "slist"),
        "neural": ("bert4rec", "fmlp", "gru4rec", "melt", "sasrec"),
        "ensembles": ("stacking", "voting"),
    },
    "skace.embeddings": {"text": ("contrastive",)},
}

_RENAMED = {"skace.embeddings": {"_text_encoder": "text._encoder"}}

#: Module of each estimator that was moved, by the name that it had in files of before.
MOVED = {
    f"{package}._{name}": f"{package}.{room}._{name}"
    for package, rooms in _ROOMS.items()
    for room, names in rooms.items()
    for name in names
} | {
    f"{package}.{before}": f"{package}.{now}"
    for package, names in _RENAMED.items()
    for before, now in names.items()
}


class _MovedModules(MetaPathFinder, Loader):
    """Finds a module that was moved, and hands out what is in it now."""

    def find_spec(self, fullname: str, *_args: Any) -> ModuleSpec | None:
        """Spec of a module under its old name."""
        return ModuleSpec(fullname, self) if fullname in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        """Let the module look its names up at the new place."""
        now = import_module(MOVED[module.__name__])
        module.__getattr__ = lambda name: getattr(now, name)  # type: ignore[method-assign]


def find_moved() -> None:
    """Let imports find modules under the names that they had; once, after all other ways."""
    if not any(isinstance(finder, _MovedModules) for finder in sys.meta_path):
        sys.meta_path.append(_MovedModules())
