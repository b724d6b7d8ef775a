"""Tables of stored comparisons, for the pages of docs/benchmarks.

python benchmarks/quality/as_rst.py results/beauty_sasrec.json
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
from pathlib import Path

FIGURES = ("R@10", "R@20", "N@10", "N@20", "tail R@20")


def number(value, sign=""):
    """A figure below 1 as on the other pages: .0564, +.0018."""
    return f"{value:{sign}.4f}".replace("0.", ".", 1)


def chosen(record):
    """What the search took, without the names of pipeline steps."""
    return ", ".join(
        f"{name.rpartition('__')[2]} {value:g}"
        if isinstance(value, (int, float))
        else f"{name.rpartition('__')[2]} {value}"
        for name, value in record["chosen"].items()
    )


def rst_table(head, rows):
    """A simple table of strings."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    bar = "  ".join("=" * width for width in widths)
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, *rows]
    ]
    return "\n".join([bar, lines[0], bar, *lines[1:], bar, ""])


def accuracy(run):
    """One line per method: figures with the history kept, two of them with it masked."""
    masked = {record["features"]: record for record in run["tables"]["masked"]}
    rows = []
    for record in run["tables"]["kept"]:
        other = masked[record["features"]]
        figures = [number(record[name]) for name in FIGURES]
        figures += [number(other["R@20"]), number(other["N@10"])]
        cost = [f"{record['epochs']:.0f}", f"{record['seconds']:.0f}"]
        rows.append([f"``{record['features']}``", *figures, *cost, chosen(record)])
    return rst_table(["method", *FIGURES, "R@20*", "N@10*", "epochs", "fit, s", "chosen"], rows)


def differences(run):
    """One line per method: what the reference finds more."""
    rows = [
        [
            f"``{test['row']}`` - ``{test['minus']}``",
            number(test["difference"], "+"),
            f"{number(test['low'], '+')} to {number(test['high'], '+')}",
            f"{test['p']:.4f}",
            ", ".join(number(d, "+") for d in test["by_seed"]),
        ]
        for test in run["paired tests"]
    ]
    return rst_table(["pair", "R@20", "95 %", "p", "by seed"], rows)


def main(words=None):
    """Print the tables of one stored run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="JSON that compare.py wrote")
    run = json.loads(parser.parse_args(words).run.read_text())
    print(accuracy(run))
    print(differences(run))


if __name__ == "__main__":
    main()
