"""Finished parts of a long comparison on disk, so that a run that was stopped goes on."""
# SPDX-License-Identifier: BSD-3-Clause

import json
from pathlib import Path

import numpy as np

# What may differ between the runs that share a folder: all else decides the figures.
_FREE = {
    "features", "methods", "seeds", "against", "exclude_seen", "output", "data", "no_search",
    "alphas", "format",
}  # fmt: skip


class Cells:
    """Ranks of each fit and outcomes of searches, in a folder.

    Parameters
    ----------
    folder : Path
        Made where it does not exist.
    arguments : dict
        Settings of the run. A folder of other settings is refused.
    """

    def __init__(self, folder, arguments):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = {name: str(value) for name, value in arguments.items() if name not in _FREE}
        path = self.folder / "settings.json"
        if path.exists() and json.loads(path.read_text()) != settings:
            raise SystemExit(
                f"{self.folder} holds fits of other settings ({path}); choose another --output, "
                "or remove the folder."
            )
        path.write_text(json.dumps(settings, indent=1))

    def fit(self, name, seed, chosen, compute):
        """Arrays that ``compute()`` returns as a dict, from disk where the same fit is there.

        With None for ``compute``, None where it is not.
        """
        path = self.folder / f"{name} seed {seed}.npz"
        words = json.dumps(chosen, default=str)
        if path.exists():
            with np.load(path) as stored:
                if str(stored["chosen"]) == words:
                    return {key: stored[key] for key in stored if key != "chosen"}
        if compute is None:
            return None
        found = compute()
        _write(path, lambda file: np.savez_compressed(file, chosen=words, **found))
        return found

    def search(self, name, grid, compute):
        """What ``compute()`` returns, from disk where the same grid was searched.

        With None for ``compute``, None where it was not.
        """
        path = self.folder / f"{name} search.json"
        if path.exists():
            stored = json.loads(path.read_text())
            if stored["grid"] == repr(grid):
                return stored["found"]
        if compute is None:
            return None
        found = compute()
        words = json.dumps({"grid": repr(grid), "found": found}, indent=1)
        _write(path, lambda file: file.write(words.encode()))
        return found


def _write(path, write):
    """Write a file so that a run killed on the way leaves none."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        write(file)
    part.replace(path)
