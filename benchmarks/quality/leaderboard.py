"""A leaderboard: methods x data sets x orders of ties x seeds, all ranks among all items.

Each user's last event is the test; whatever is chosen is chosen on events before it. Every fit is
kept on disk: a run that was stopped, or whose ``--minutes`` are over, goes on where it was, and one
with more seeds, rows or data adds to what is known. Writes a JSON, a CSV and a page for each data
set. See ``python benchmarks/quality/leaderboard.py --help``.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import csv
import json
import logging
import shlex
import time
from functools import partial
from pathlib import Path

import numpy as np
from cells import Cells
from compare import draw_users, ended, fingerprint, read_data, search
from holm import holm
from lineup import draws_of, grid_for, in_words, reseeded, rows, rows_of_file
from measuring import describe_machine
from pages import COLUMNS, page
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from tables import SUFFIXES

from skace.metrics import (
    bootstrap_interval,
    ndcg_at_k,
    paired_bootstrap,
    randomization_test,
    recall_at_k,
)
from skace.model_selection import leave_last_out

SCORES = {  # in the JSON; tables show those of COLUMNS
    "R@5": partial(recall_at_k, k=5, average=False),
    "N@5": partial(ndcg_at_k, k=5, average=False),
    "R@10": partial(recall_at_k, k=10, average=False),
    "R@20": partial(recall_at_k, k=20, average=False),
    "N@10": partial(ndcg_at_k, k=10, average=False),
}

ROOT = Path(__file__).resolve().parents[2]
OF = " alone, "  # between the name of a blend's member and what is stored of it
ASIDE = {"output", "minutes", "format"}  # options that no figure depends on


def make_parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders")
    parser.add_argument("--embeddings", help="file in each folder, if it has several")
    parser.add_argument("--methods", type=Path, help="Python file with rows of your own as well")
    parser.add_argument("--rows", help="names of rows with ; between them: 'ItemKNN; SASRec, ACE'")
    words = "rows with ; between them that all others are tested with"
    parser.add_argument("--against", default="SASRec, ids", help=words)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--orders", type=int, default=0, help="times that ties are shuffled, too")
    words = "no new fit is begun after so many; 0 writes what is on disk"
    parser.add_argument("--minutes", type=float, help=words)
    parser.add_argument("--search", action="store_true", help="search the grids, too")
    parser.add_argument("--format", choices=sorted(SUFFIXES), default="rst")
    parser.add_argument("--users", type=int, help="as many users only, drawn with seed 0")
    parser.add_argument("--epochs", type=int, default=50, help="most epochs of a network")
    parser.add_argument("--patience", type=int, default=10, help="epochs without a better score")
    parser.add_argument("--width", type=int, default=128, help="of networks")
    parser.add_argument("--max-length", type=int, default=50)
    parser.add_argument("--precision", default="auto", help="of networks")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--output", type=Path, default=Path("results"))
    return parser


def told(arguments):
    """The options as plain data; a path of this machine is its name, one of ours is from here."""

    def plain(value):
        if isinstance(value, list):
            return [plain(one) for one in value]
        if not isinstance(value, Path):
            return value
        found = value.resolve()
        return found.relative_to(ROOT).as_posix() if found.is_relative_to(ROOT) else value.name

    return {name: plain(value) for name, value in vars(arguments).items() if name not in ASIDE}


def command_of(arguments):
    """What to type for the same figures."""
    default = told(make_parser().parse_args(["--data", ""]))
    words = ["python", "benchmarks/quality/leaderboard.py"]
    for name, value in told(arguments).items():
        if value == default[name]:
            continue
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:  # a flag has no value
            words += [str(one) for one in (value if isinstance(value, list) else [value])]
    return shlex.join(words)


def chosen_rows(arguments):
    """The rows to measure, by name."""
    settings = {
        "embedding_dim": arguments.width,
        "max_epochs": arguments.epochs,
        "n_iter_no_change": arguments.patience,
        "max_length": arguments.max_length,
        "precision": arguments.precision,
        "device": arguments.device,
    }
    known = rows(settings)
    if arguments.methods:
        known |= rows_of_file(arguments.methods, settings)
    if arguments.rows is None:
        return known
    names = listed(arguments.rows)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"no row is called {unknown[0]!r}; there are {'; '.join(known)}.")
    return {name: known[name] for name in names}


def listed(names):
    """Names of rows that stand in one text."""
    return [name.strip() for name in names.split(";")]


class Board:
    """One data set in one or several orders of its ties, and what was measured on it."""

    def __init__(self, folder, order, splits, cells):
        self.folder, self.order = folder, order
        self.splits, self.cells = splits, cells
        self.found = {}  # (row, number of the split, seed): arrays of a fit
        self.chosen = {}  # row: parameters

    def measure(self, name, entry, number, seed, *, is_searched, only_stored):
        """Fit a row once, or take it from disk; with ``only_stored`` take it or leave it."""
        train, test = self.splits[number]
        estimator = entry.make(train)
        if is_searched and entry.grid:
            self._search(name, reseeded(estimator, 0), entry.grid, only_stored=only_stored)
            if name not in self.chosen:
                return
            estimator = clone(estimator).set_params(**self.chosen[name])
        draws = draws_of(estimator)
        if not draws and seed is not None:
            seed = None  # every seed gives the same
        if (name, number, seed) in self.found:
            return
        model = estimator[-1] if isinstance(estimator, Pipeline) else estimator
        label = {"chosen": self.chosen.get(name, {}), "estimator": in_words(estimator)}
        compute = partial(fit_once, reseeded(estimator, seed), train, test)
        logging.info("%s, %s, seed %s, order %d", self.folder.name, name, seed, number)
        found = self.cells[number].fit(name, seed, label, None if only_stored else compute)
        if found is not None:
            is_cut = ended(model, int(found["epochs"]))
            self.found[name, number, seed] = {**found, "ended": is_cut}

    def _search(self, name, estimator, grid, *, only_stored):
        """Parameters by NDCG@10 on validation rows, in the first order."""
        train = self.splits[0][0]
        grid = grid_for(estimator, grid)
        compute = partial(search, estimator, grid, train)
        done = self.cells[0].search(name, grid, None if only_stored else compute)
        if done is not None:
            self.chosen[name] = done["best"]

    def fits(self, name):
        """Everything measured of a row, in the order of splits and seeds."""
        return [fit for (row, _, _), fit in self.found.items() if row == name]


def fit_once(estimator, train, test):
    """Ranks of the test rows without and with the history, and the cost of the fit."""
    begin = time.perf_counter()
    estimator.fit(train)
    found = {"seconds": time.perf_counter() - begin}
    model, asked = model_and_rows(estimator, test)
    found |= {"epochs": getattr(model, "n_iter_", 0), **ranks(model, asked)}
    for name, member in getattr(model, "named_estimators_", {}).items():
        single, rows = model_and_rows(member, asked)
        alone = ranks(single, rows) if hasattr(single, "target_ranks") else {}
        found |= {f"{name}{OF}{history}": values for history, values in alone.items()}
    return found


def model_and_rows(estimator, rows):
    """The last step of a Pipeline, and rows as this step reads them."""
    if not isinstance(estimator, Pipeline):
        return estimator, rows
    return estimator[-1], estimator[:-1].transform(rows) if len(estimator) > 1 else rows


def ranks(model, rows):
    """Ranks of the targets by what became of the history."""
    return {
        history: model.target_ranks(rows, exclude_seen=history == "masked").astype(np.float32)
        for history in ("kept", "masked")
    }


def boards(arguments):
    """Each data set as its file has it, and with ties shuffled where there are any to shuffle."""
    free = {"rows", "methods", "minutes", "search", "format", "orders"}
    settings = {name: value for name, value in vars(arguments).items() if name not in free}
    for folder in arguments.data:
        X = read_data(folder, arguments.embeddings)
        if arguments.users:
            X = draw_users(X, arguments.users)
        shuffled = [X.reorder_ties("shuffle", random_state=n) for n in range(arguments.orders)]
        for order, logs in (("file", [X]), ("shuffled", shuffled)):
            places = [arguments.output / f"{folder.name}_{order}_{n}" for n in range(len(logs))]
            cells = [
                Cells(place, settings | {"log": fingerprint(log)})
                for place, log in zip(places, logs, strict=True)
            ]
            if logs:
                yield Board(folder, order, [leave_last_out(log) for log in logs], cells)


def figures(fits, history):
    """Mean of each score over fits and rows, and the interval of R@20 over rows."""
    values = {
        name: np.array([score(fit[history]) for fit in fits]) for name, score in SCORES.items()
    }
    interval = bootstrap_interval(values["R@20"], random_state=0)
    return {
        **{name: float(value.mean()) for name, value in values.items()},
        "R@20 interval": {
            "low": interval.low,
            "high": interval.high,
            "by_seed": list(interval.by_seed),
        },
    }


def pairs_of(names, against):
    """Each row beside each reference, a pair once."""
    pairs = []
    for minus in against:
        pairs += [
            (name, minus)
            for name in names
            if name != minus and minus in names and (minus, name) not in pairs
        ]
    return pairs


def differences(board, names, against):
    """R@20 of each row minus that of each reference, history excluded."""
    hits = {
        name: np.mean([SCORES["R@20"](fit["masked"]) for fit in board.fits(name)], axis=0)
        for name in names
    }
    tests = []
    for name, minus in pairs_of(names, against):
        found = paired_bootstrap(hits[name], hits[minus], random_state=0)
        p = randomization_test(hits[name], hits[minus], random_state=0)
        tests.append(
            {
                "method": name,
                "minus": minus,
                "difference": found.difference,
                "low": found.low,
                "high": found.high,
                "p": float(p),
            }
        )
    for test, p in zip(tests, holm([test["p"] for test in tests]), strict=True):
        test["p Holm"] = float(p)
    return tests


def members_of(board, names):
    """Each member of a blend alone, and what the blend is above it in R@20 and N@10."""
    found = []
    for name in names:
        fits = board.fits(name)
        # Fits of earlier commits have no members.
        known = [key for key in fits[0] if key.endswith(f"{OF}masked")]
        for key in known:
            member = key.removesuffix(f"{OF}masked")
            if all(key in fit for fit in fits):
                found.append({"method": name, "member": member, **beside(fits, member)})
    return found


def beside(fits, member):
    """Scores of a member alone and the leads of the blend, by what became of the history."""
    told = {}
    for history in ("masked", "kept"):
        alone = [{history: fit[f"{member}{OF}{history}"]} for fit in fits]
        leads = {"lead": lead(fits, alone, history, "R@20")}
        leads["lead in N@10"] = lead(fits, alone, history, "N@10")
        told[history] = {**figures(alone, history), **leads}
    return told


def lead(fits, others, history, name):
    """Paired difference in a score, each averaged over the fits."""
    ours, theirs = (
        np.mean([SCORES[name](fit[history]) for fit in some], axis=0) for some in (fits, others)
    )
    found = paired_bootstrap(ours, theirs, random_state=0)
    return {"difference": found.difference, "low": found.low, "high": found.high}


def record_of(board, names, arguments):
    """Everything about one board as plain data."""
    measured = [name for name in names if board.fits(name)]
    lines = []
    for name in measured:
        fits = board.fits(name)
        lines.append(
            {
                "method": name,
                "chosen": board.chosen.get(name, {}),
                "seeds": sorted({s for row, _, s in board.found if row == name} - {None}),
                "epochs": float(np.mean([fit["epochs"] for fit in fits])),
                "ended at last epoch": any(bool(fit["ended"]) for fit in fits),
                "seconds": float(np.mean([fit["seconds"] for fit in fits])),
                "masked": figures(fits, "masked"),
                "kept": figures(fits, "kept"),
            }
        )
    order = "as the file has it" if board.order == "file" else f"{len(board.splits)} shuffled ones"
    train, test = board.splits[0]
    vectors = (train.catalog.provenance or {}).get("file")
    size = {"test rows": len(test), "items": len(train.catalog.item_ids)}
    return {
        "title": f"{board.folder.name}: {size['test rows']:,} test rows, {size['items']:,} items",
        **size,
        "protocol": (
            "Leave-one-out, ranks among all items; history excluded, with a star allowed. Order "
            f"of tied events: {order}. Vectors: {vectors}."
        ),
        "ties": order,
        "vectors": vectors,
        "command": command_of(arguments),
        "arguments": told(arguments),
        **describe_machine(),
        "rows": lines,
        "paired": differences(board, measured, listed(arguments.against)),
        "members": members_of(board, measured),
        "missing": [name for name in names if name not in measured],
    }


def write(board, record, arguments):
    """JSON, CSV and page of one board; return the page."""
    path = arguments.output / f"leaderboard_{board.folder.name}_{board.order}"
    path.with_suffix(".json").write_text(json.dumps(record, indent=1))
    with path.with_suffix(".csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["method", "history", *COLUMNS, "low", "high", "epochs", "seconds"])
        for row in record["rows"]:
            for history in ("masked", "kept"):
                found = row[history]
                ends = (found["R@20 interval"][end] for end in ("low", "high"))
                scores = (found[name] for name in COLUMNS)
                writer.writerow(
                    [row["method"], history, *scores, *ends, row["epochs"], row["seconds"]]
                )
    text = page(record, arguments.format)
    path.with_suffix(SUFFIXES[arguments.format]).write_text(text)
    return text


def main(words=None):
    """Measure in rounds, a seed at a time, so that a run cut short has whole tables."""
    arguments = make_parser().parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    entries, begin = chosen_rows(arguments), time.perf_counter()
    all_boards = list(boards(arguments))
    jobs = [
        (board, name, number, int(seed))
        for seed in arguments.seeds.split(",")
        for board in all_boards
        for name in entries
        for number in range(len(board.splits))
    ]
    end = np.inf if arguments.minutes is None else begin + 60 * arguments.minutes
    for board, name, number, seed in jobs:
        is_over = time.perf_counter() >= end
        settings = {"is_searched": arguments.search, "only_stored": is_over}
        board.measure(name, entries[name], number, seed, **settings)
    if time.perf_counter() >= end:
        logging.info("the time is over; the same command goes on from here")
    for board in all_boards:
        print(write(board, record_of(board, list(entries), arguments), arguments))


if __name__ == "__main__":
    main()
