"""Tables of the leaderboard, as reStructuredText, Markdown or LaTeX."""
# SPDX-License-Identifier: BSD-3-Clause

from tables import TABLES, number

COLUMNS = ("R@10", "R@20", "N@10")


def page(record, kind):
    """Everything about one data set in one order of ties."""
    table = TABLES[kind]
    parts = [record["title"], record["protocol"], table(*accuracy(record))]
    if record["paired"]:
        parts += ["Differences of R@20, history excluded:", table(*paired(record))]
    if record["members"]:
        parts += ["Members of a blend, history excluded:", table(*members(record))]
    if record["missing"]:
        parts.append("Not measured: " + ", ".join(record["missing"]) + ".")
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def accuracy(record):
    """Head and lines: history excluded (with intervals), allowed (with a star), costs."""
    head = ["method", *COLUMNS, "R@20, 95 %", *(f"{c}*" for c in COLUMNS), "R@20 by fit"]
    head += ["epochs", "fit, s", "chosen"]
    lines = []
    for row in record["rows"]:
        masked, kept = row["masked"], row["kept"]
        low, high = (number(masked["R@20 interval"][end]) for end in ("low", "high"))
        by_fit = [number(value) for value in masked["R@20 interval"]["by_seed"]]
        chosen = ", ".join(f"{key.rpartition('__')[2]} {v}" for key, v in row["chosen"].items())
        lines.append(
            [
                row["method"],
                *(number(masked[name]) for name in COLUMNS),
                f"{low} to {high}",
                *(number(kept[name]) for name in COLUMNS),
                ", ".join(by_fit) if len(by_fit) > 1 else "",
                # A fit that ended at its last epoch may not have been trained to the end.
                f"{row['epochs']:.0f}{' (last)' if row['ended at last epoch'] else ''}"
                if row["epochs"]
                else "",
                f"{row['seconds']:.0f}",
                chosen,
            ]
        )
    return head, lines


def paired(record):
    """Head and lines of the differences to the chosen rows."""
    head = ["method", "minus", "difference", "95 %", "p", "p, all pairs (Holm)"]
    return head, [
        [
            test["method"],
            test["minus"],
            number(test["difference"], "+"),
            f"{number(test['low'], '+')} to {number(test['high'], '+')}",
            f"{test['p']:.4f}",
            f"{test['p Holm']:.4f}",
        ]
        for test in record["paired"]
    ]


def members(record):
    """Head and lines of the members of each blend alone, and the lead of the blend."""
    head = ["method", "member alone", *COLUMNS, "lead in R@20", "95 %"]
    return head, [
        [
            one["method"],
            one["member"],
            *(number(one["masked"][name]) for name in COLUMNS),
            number(one["masked"]["lead"]["difference"], "+"),
            " to ".join(number(one["masked"]["lead"][end], "+") for end in ("low", "high")),
        ]
        for one in record["members"]
    ]
