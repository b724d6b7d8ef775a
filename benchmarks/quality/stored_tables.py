"""Tables of a stored comparison, for a page or a paper.

python benchmarks/quality/stored_tables.py results/beauty_sasrec.json --format markdown
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
from pathlib import Path

from holm import holm
from tables import TABLES, number

FIGURES = ("R@10", "R@20", "N@10", "N@20", "tail R@20")


def chosen(record):
    """What the search took, without the names of pipeline steps."""
    return ", ".join(
        f"{name.rpartition('__')[2]} {value:g}"
        if isinstance(value, (int, float))
        else f"{name.rpartition('__')[2]} {value}"
        for name, value in record["chosen"].items()
    )


def accuracy(run):
    """Head and lines: figures with the history allowed; with a star, with the history excluded."""
    kept, masked = (
        {record["features"]: record for record in run["tables"].get(history, ())}
        for history in ("kept", "masked")
    )
    head = ["method", *(FIGURES if kept else ()), *(("R@20*", "N@10*") if masked else ())]
    rows = []
    for name, record in (kept or masked).items():
        figures = [number(record[figure]) for figure in FIGURES] if kept else []
        if masked:
            figures += [number(masked[name]["R@20"]), number(masked[name]["N@10"])]
        by_seed = ", ".join(number(value) for value in record.get("R@20 by seed", ()))
        # A fit that ended at its last epoch may not have been trained to the end.
        epochs = f"{record['epochs']:.0f}{' (last)' if record.get('ended at last epoch') else ''}"
        rows.append([name, *figures, by_seed, epochs, f"{record['seconds']:.0f}", chosen(record)])
    return [*head, "R@20 by seed", "epochs", "fit, s", "chosen"], rows


def differences(run):
    """Head and lines: what the reference finds more."""
    tests = run["paired tests"]
    rows = [
        [
            f"{test['row']} - {test['minus']}",
            number(test["difference"], "+"),
            f"{number(test['low'], '+')} to {number(test['high'], '+')}",
            f"{test['p']:.4f}",
            f"{corrected:.4f}",
            ", ".join(number(d, "+") for d in test["by_seed"]),
        ]
        for test, corrected in zip(tests, holm([test["p"] for test in tests]), strict=True)
    ]
    return ["pair", "R@20", "95 %", "p", "p, all pairs (Holm)", "by seed"], rows


def both(run, kind):
    """The tables of a run as text."""
    made = [accuracy(run), *([differences(run)] if run["paired tests"] else [])]
    if kind == "rst":  # names as they are: ace@10 is no address
        made = [(head, [[f"``{name}``", *cells] for name, *cells in rows]) for head, rows in made]
    return "\n".join(TABLES[kind](*table) for table in made)


def main(words=None):
    """Print the tables of one stored run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="JSON that compare.py wrote")
    parser.add_argument("--format", choices=sorted(TABLES), default="rst")
    arguments = parser.parse_args(words)
    print(both(json.loads(arguments.run.read_text()), arguments.format))


if __name__ == "__main__":
    main()
