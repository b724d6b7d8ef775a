"""How much code a reader meets: files and functions of a fit and of an answer, folders, lines.

``python benchmarks/structure.py`` counts in the package that is imported; ``--against FOLDER``
counts in another checkout as well and prints both.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path


class FirstStepReached(Exception):  # noqa: N818 (no error: it ends the walk)
    """The first batch is about to be learned from."""


def walk(function, *, until=None):
    """Files and functions of skace that a call passes through, until one of a name."""
    import skace

    root, met = str(Path(skace.__file__).parent), set()

    def note(frame, event, _argument):
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(root):
            return
        if until is not None and code.co_qualname == until:
            raise FirstStepReached
        met.add((code.co_filename, code.co_qualname))

    sys.setprofile(note)
    try:
        function()
    except FirstStepReached:
        pass
    finally:
        sys.setprofile(None)
    named = {pair for pair in met if "<" not in pair[1].rpartition(".")[2]}  # no lambdas, no loops
    return {"files": len({path for path, _ in met}), "functions": len(named)}


def lines_of(paths):
    """Lines of files."""
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)


def count():
    """All figures, by name."""
    import skace
    from skace import SASRecEstimator
    from skace.datasets import make_shop

    warnings.simplefilter("ignore")
    root = Path(skace.__file__).parent
    X = make_shop(60, 50, 400, n_features=16, random_state=0).interactions
    settings = {"k": 3, "max_epochs": 1, "n_heads": 1, "random_state": 0}
    SASRecEstimator(**settings).fit(X)  # imports, and what is kept in memory
    model = SASRecEstimator(**settings)
    fit = walk(lambda: model.fit(X), until="Trainer.step")
    model.fit(X)
    history = [X.catalog.item_ids[:3].tolist()]
    answer = walk(lambda: model.predict(history))
    folders = {path for path in root.rglob("*") if path.is_dir()} | {root}
    sizes = {folder: len([*folder.glob("*.py")]) for folder in folders}
    largest = max(sizes, key=sizes.get)
    neural = [*root.glob("recommenders/neural/*.py")] or [
        root / "recommenders" / f"_{name}.py"
        for name in (
            "neural", "epochs", "trained_network", "fitted_table", "losses", "progress", "melt",
            "melt_heads", "sasrec", "gru4rec", "bert4rec", "fmlp",
        )
    ]  # fmt: skip
    backbones = ["sasrec", "gru4rec", "bert4rec", "fmlp"]
    found = {name: next(root.rglob(f"recommenders/**/_{name}.py")) for name in backbones}
    return {
        "fit, to the first batch": fit,
        "predict, one list": answer,
        "largest folder": {"files": sizes[largest], "name": largest.relative_to(root).as_posix()},
        "neural recommenders": {"lines": lines_of(neural)},
        "backbones": {name: lines_of([path]) for name, path in found.items()},
    }


def main(words=None):
    """Print the figures, of another checkout too."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", type=Path, help="folder of another checkout")
    arguments = parser.parse_args(words)
    print("here:", json.dumps(count()))
    if arguments.against is not None:
        done = subprocess.run(
            [sys.executable, __file__],
            env=os.environ | {"PYTHONPATH": str(arguments.against)},
            capture_output=True,
            text=True,
            check=True,
        )
        print("there:", done.stdout.removeprefix("here: ").strip())


if __name__ == "__main__":
    main()
