"""Vectors of several encoders, prepared in several ways, in one network.

For each encoder: plain principal components, whitening, powers of the spectrum, and ACE over a grid
of alpha; and once a table of ids. Each user's last event is the test, the one before it the
validation row, and all others are learned, in a number of epochs of a rate that falls to 0. With
``--test`` the alpha that did best on validation rows, which the same folder holds, its neighbours
in the grid and the references are fitted on everything before the test. Every fit is kept on disk.
See ``python benchmarks/quality/encoders.py --help``.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import logging
import time
from functools import partial
from pathlib import Path

import joblib
import matplotlib.pyplot as plt
import numpy as np
from cells import Cells
from compare import draw_users, fingerprint, read_log
from leaderboard import SCORES, fit_once
from measuring import describe_machine
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import normalize

from skace import ACETransformer, GRU4RecEstimator, SASRecEstimator
from skace.item_tables import IDTable
from skace.metrics import paired_bootstrap
from skace.model_selection import leave_last_out

BACKBONES = {
    "sasrec": partial(SASRecEstimator, positions="relative"),
    "gru4rec": GRU4RecEstimator,
}
REFERENCES = {
    "PCA": {"alpha": np.inf, "center": True},
    "whitening": {"alpha": 0},
    "auto": {"alpha": "auto"},
    "power .25": {"spectrum": "power", "exponent": 0.25},
    "power .5": {"spectrum": "power", "exponent": 0.5},
}


def read_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the log")
    words_of_vectors = "NAME=FILE, or NAME=FILE,FILE: side by side, each of unit length"
    parser.add_argument("--vectors", nargs="+", required=True, help=words_of_vectors)
    parser.add_argument("--alphas", default="0.03,0.1,0.3,1,3,10,30")
    parser.add_argument("--backbone", default="sasrec", choices=sorted(BACKBONES))
    parser.add_argument("--users", type=int, help="as many users only, drawn with seed 0")
    parser.add_argument("--test", action="store_true", help="what was chosen, on test rows")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--test-seeds", default="0")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--learning-rate", type=float, default=0.003)
    parser.add_argument("--width", type=int, default=128)
    words_of_minutes = "no new fit is begun after so many"
    parser.add_argument("--minutes", type=float, default=np.inf, help=words_of_minutes)
    parser.add_argument("--output", type=Path, default=Path("results"))
    return parser.parse_args(words)


def read_vectors(spec):
    """Name and matrix of an encoder, or of several side by side."""
    name, _, files = parts_of(spec)
    parts = [np.load(path).astype(np.float32) for path in files.split(",")]
    return name, parts[0] if len(parts) == 1 else np.hstack([normalize(one) for one in parts])


def ways(alphas):
    """Parameters of ACETransformer by the name of the way, the grid in its order."""
    return {f"ACE {alpha:g}": {"alpha": alpha} for alpha in alphas}


def network_of(arguments, seed, **more):
    """The network that reads all of them."""
    return BACKBONES[arguments.backbone](
        embedding_dim=arguments.width,
        early_stopping=False,
        max_epochs=arguments.epochs,
        learning_rate=arguments.learning_rate,
        learning_rate_schedule="linear",
        random_state=seed,
        **more,
    )


def fit_and_look(pipe, train, held_out):
    """What a fit of the leaderboard gives, and the spread of the vectors."""
    found = fit_once(pipe, train, held_out)
    if len(pipe) > 1:
        found["directions"] = pipe["ace"].anisotropy_["after"]["participation_ratio"]
    return found


class Study:
    """Fits on one pair of training and held-out rows, on disk."""

    def __init__(self, arguments, part, train, held_out):
        self.arguments, self.rows = arguments, (train, held_out)
        fixed = {
            name: getattr(arguments, name)
            for name in ("backbone", "users", "epochs", "learning_rate", "width")
        }
        place = arguments.output / f"encoders_{arguments.data.name}_{arguments.backbone}_{part}"
        self.cells = Cells(place, fixed | {"log": fingerprint(train)})
        self.found = {}  # (encoder, way): list of what was found, by seed

    def measure(self, encoder, way, seed, vectors, ace, *, only_stored):
        """One fit, or what is on disk of it; ``ace`` is None for a table of ids."""
        train, held_out = self.rows
        if ace is None:
            steps = [("rec", network_of(self.arguments, seed, item_table=IDTable()))]
        else:
            train, held_out = train.with_features(vectors), held_out.with_features(vectors)
            steps = [
                ("ace", ACETransformer(self.arguments.width, **ace)),
                ("rec", network_of(self.arguments, seed)),
            ]
        compute = partial(fit_and_look, Pipeline(steps), train, held_out)
        name = f"{encoder}, {way}" if ace is not None else way
        logging.info("%s, seed %d", name, seed)
        label = {"ace": str(ace), "vectors": joblib.hash(vectors)}
        found = self.cells.fit(name, seed, label, None if only_stored else compute)
        if found is not None:
            self.found.setdefault((encoder, way), []).append(found)

    def line(self, encoder, way):
        """Mean figures over the seeds."""
        fits = self.found[encoder, way]
        return {
            "encoder": encoder,
            "way": way,
            "seeds": len(fits),
            "directions": None if encoder == "" else float(fits[0]["directions"]),
            "seconds": float(np.mean([one["seconds"] for one in fits])),
            **{
                history: {
                    name: float(np.mean([score(one[history]) for one in fits]))
                    for name, score in SCORES.items()
                }
                for history in ("masked", "kept")
            },
        }

    def lead(self, alphas, other, score):
        """Paired difference of ACE, with an alpha for each encoder, and a reference, masked.

        Mean over the encoders and over the seeds that both have.
        """
        pairs = [
            pair
            for encoder, alpha in alphas.items()
            for pair in zip(
                self.found[encoder, f"ACE {alpha:g}"], self.found[encoder, other], strict=False
            )
        ]
        hits = (
            np.mean([SCORES[score](pair[side]["masked"]) for pair in pairs], axis=0)
            for side in (0, 1)
        )
        found = paired_bootstrap(*hits, random_state=0)
        ends = {"difference": found.difference, "low": found.low, "high": found.high}
        told = {"alphas": alphas, "minus": other, "score": score, "fits": len(pairs)}
        return told | ends


def chosen_alphas(study, encoder, alphas):
    """The best alpha of the grid by N@10 of validation rows, and its neighbours there."""
    known = [alpha for alpha in alphas if (encoder, f"ACE {alpha:g}") in study.found]
    scores = [study.line(encoder, f"ACE {alpha:g}")["masked"]["N@10"] for alpha in known]
    best = int(np.argmax(scores))
    return known[best], known[max(0, best - 1) : best] + known[best + 1 : best + 2]


def run(study, seeds, encoders, plan, end):
    """Everything of a plan, encoder to ways, a seed at a time; after ``end`` what is on disk.

    The first way of each encoder comes before the second of any, so that a run that is cut short
    has said the same of all.
    """
    n_ways = max(map(len, plan.values()))
    jobs = [("", "ids", None, None)]
    for place in range(n_ways):
        for encoder, vectors in encoders.items():
            for way, ace in list(plan[encoder].items())[place : place + 1]:
                jobs.append((encoder, way, vectors, ace))
    for seed in map(int, seeds.split(",")):
        for encoder, way, vectors, ace in jobs:
            is_over = time.perf_counter() > end
            study.measure(encoder, way, seed, vectors, ace, only_stored=is_over)


def told(arguments):
    """The options, without the folders of this machine."""
    given = vars(arguments) | {"data": arguments.data.name, "output": arguments.output.name}
    given["vectors"] = [
        f"{name}={','.join(Path(file).name for file in files.split(','))}"
        for name, _, files in map(parts_of, arguments.vectors)
    ]
    return {name: str(value) for name, value in given.items()}


def leads(study, choices):
    """ACE beside each reference, for each choice of an alpha by encoder, where all were fitted."""
    return [
        study.lead(alphas, other, score)
        for alphas in choices
        for other in REFERENCES
        if {(one, f"ACE {alpha:g}") for one, alpha in alphas.items()} <= study.found.keys()
        and {(one, other) for one in alphas} <= study.found.keys()
        for score in ("R@20", "N@10")
    ]


def choices_of(arguments, chosen, alphas):
    """The chosen alpha of each encoder, and for all encoders of one file: theirs, and the same."""
    single = [name for name, _, files in map(parts_of, arguments.vectors) if "," not in files]
    found = [{name: alpha} for name, alpha in chosen.items()]
    if len(single) > 1:
        found.append({name: chosen[name] for name in single})
        found += [dict.fromkeys(single, alpha) for alpha in alphas]
    return found


def parts_of(spec):
    """Name, sign and files of NAME=FILE,FILE."""
    return spec.partition("=")


def plot(record, part="validation", score="N@10"):
    """Figure of a score against the directions in use, the chosen alpha of each encoder ringed."""
    lines = record[part]
    figure, axes = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
    for encoder, alpha in record["chosen"].items():
        own = [one for one in lines if one["encoder"] == encoder]
        grid = sorted(
            (one["directions"], one["masked"][score], one["way"] == f"ACE {alpha:g}")
            for one in own
            if one["way"].startswith("ACE")
        )
        x, y, is_chosen = map(np.array, zip(*grid, strict=True))
        (line,) = axes.plot(x, y, marker=".", label=encoder)
        ring = {"s": 90, "facecolors": "none", "edgecolors": line.get_color(), "zorder": 3}
        axes.scatter(x[is_chosen], y[is_chosen], **ring)
        for way, marker in (("PCA", "s"), ("whitening", "^")):
            points = [(one["directions"], one["masked"][score]) for one in own if one["way"] == way]
            axes.plot(*zip(*points, strict=True), marker, color=line.get_color(), markersize=6)
    for marker, label in (("s", "PCA"), ("^", "whitening")):
        axes.plot([], [], marker, color="grey", label=label)
    axes.set(xlabel="directions in use (participation ratio)", ylabel=f"{score}, {part} rows")
    figure.legend(fontsize="small", loc="outside right upper")
    return figure


def main(words=None):
    """Measure, choose, print and store."""
    arguments = read_arguments(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    end = time.perf_counter() + 60 * arguments.minutes
    X = read_log(arguments.data)
    encoders = dict(map(read_vectors, arguments.vectors))
    alphas = [float(alpha) for alpha in arguments.alphas.split(",")]
    train, test = leave_last_out(X)
    log = draw_users(train, arguments.users) if arguments.users else train
    study = Study(arguments, "validation", *leave_last_out(log))
    every = dict.fromkeys(encoders, ways(alphas) | REFERENCES)
    run(study, arguments.seeds, encoders, every, 0 if arguments.test else end)
    choice = {one: chosen_alphas(study, one, alphas) for one in encoders}
    record = {
        **describe_machine(),
        "arguments": told(arguments),
        "validation": [study.line(*key) for key in study.found],
        "chosen": {one: best for one, (best, _) in choice.items()},
    }
    choices = choices_of(arguments, record["chosen"], alphas)
    record["paired on validation rows"] = leads(study, choices)
    if arguments.test:
        tested = Study(arguments, "test", train, test)
        plan = {one: ways([best]) | REFERENCES | ways(near) for one, (best, near) in choice.items()}
        run(tested, arguments.test_seeds, encoders, plan, end)
        record["test"] = [tested.line(*key) for key in tested.found]
        record["paired on test rows"] = leads(tested, choices)
    path = arguments.output / f"encoders_{arguments.data.name}_{arguments.backbone}.json"
    path.write_text(json.dumps(record, indent=1))
    print(table(record["test" if arguments.test else "validation"]))
    print(record["chosen"])


def table(lines):
    """Lines as text."""
    head = ("encoder", "way", "directions", "R@10", "R@20", "N@10", "seeds")
    rows = [
        (
            one["encoder"],
            one["way"],
            "" if one["directions"] is None else f"{one['directions']:.0f}",
            *(f"{one['masked'][name]:.4f}" for name in ("R@10", "R@20", "N@10")),
            str(one["seeds"]),
        )
        for one in lines
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in (head, *rows)
    )


if __name__ == "__main__":
    main()
