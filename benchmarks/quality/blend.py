"""A transformer and a closed form together: SASRec on ACE's vectors, L3AE, and their blend.

Leave-one-out with full ranking, as in compare.py. Each user's last event before the test stops the
training of SASRec and decides the parameters of L3AE and the weight and the decay of the blend, by
two metrics; L3AE then learns from it as well. See ``python benchmarks/quality/blend.py --help``.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import logging
import time
from pathlib import Path

import numpy as np
from closed_forms import search
from compare import METRICS, figures, read_data
from measuring import describe_machine
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skace import ACETransformer, SASRecEstimator
from skace.metrics import ndcg_at_k, paired_bootstrap, popularity_groups, recall_at_k
from skace.model_selection import leave_last_out
from skace.recommenders import L3AEEstimator, StackingRecommender, VotingRecommender

DECAYS = (1.0, 2.0, 3.0)
CHOOSERS = ("ndcg@10", "ndcg@20")


def read_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder")
    parser.add_argument("--embeddings", help="file in the folder, if it has several embeddings_*")
    parser.add_argument("--alpha", type=float, default=1.0, help="of ACE, relative")
    parser.add_argument("--epochs", type=int, default=50, help="most epochs of SASRec")
    parser.add_argument("--width", type=int, default=128, help="of SASRec")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--output", type=Path, default=Path("results"))
    return parser.parse_args(words)


def vote(neural, linear, share):
    """Blend of two fitted models."""
    members = [("sasrec", FrozenEstimator(neural)), ("l3ae", FrozenEstimator(linear))]
    return VotingRecommender(members, weights=[1 - share, share])


def choose(neural, parameters, rest, held_out, metric):
    """Decay and share of the linear model that are best on the validation rows."""
    linear, tried = L3AEEstimator(**parameters).fit(rest), []
    for decay in DECAYS:
        members = [
            ("sasrec", FrozenEstimator(neural)),
            ("l3ae", FrozenEstimator(linear.set_params(history_decay=decay))),
        ]
        stack = StackingRecommender(members, metric=metric).fit(rest, X_val=held_out)
        tried.append((stack.validation_score_, decay, float(stack.weights_[1])))
    logging.info("validation %s, decay, share: %s", metric, tried)
    return max(tried)


def fit_neural(arguments, seed, rest, held_out):
    """SASRec on ACE's vectors, stopped by the validation rows."""
    model = SASRecEstimator(max_epochs=arguments.epochs, random_state=seed, verbose=True)
    pipe = Pipeline(
        [("ace", ACETransformer(arguments.width, alpha=arguments.alpha)), ("rec", model)]
    )
    return pipe.fit(rest, rec__X_val=held_out.as_validation())


def run_seed(arguments, parameters, seed, train):
    """Models by name, and what was chosen on the validation rows."""
    rest, held_out = leave_last_out(train)
    begin = time.perf_counter()
    neural = fit_neural(arguments, seed, rest, held_out)
    seconds = time.perf_counter() - begin
    chosen = {"seed": seed, "seconds of SASRec": seconds}
    models = {"sasrec": neural[-1]}
    for metric in CHOOSERS:
        score, decay, share = choose(neural, parameters, rest, held_out, metric)
        chosen[metric] = {"validation": score, "decay": decay, "share": share}
        linear = L3AEEstimator(**parameters | {"history_decay": decay}).fit(train)
        models[f"l3ae by {metric}"] = linear
        models[f"blend by {metric}"] = vote(neural, linear, share).fit(train)
    plain = L3AEEstimator(history_decay=1.0).fit(train)
    models["defaults, .15"] = vote(neural, plain, 0.15).fit(train)
    logging.info("chosen: %s", chosen)
    return models, chosen


def rank(models, test):
    """Ranks of the test rows by model and history."""
    return {
        name: {
            "kept": model.target_ranks(test),
            "masked": model.target_ranks(test, exclude_seen=True),
        }
        for name, model in models.items()
    }


def table_of(by_seed, is_tail, history):
    """Mean figures by model."""
    return {
        name: {
            metric: float(np.mean([figures(r[name][history], is_tail)[metric] for r in by_seed]))
            for metric in METRICS
        }
        for name in by_seed[0]
    }


def difference(by_seed, name, other, metric, k):
    """Paired difference of two models over test rows, each averaged over the seeds."""
    scores = [
        np.array([metric(ranks[m]["kept"], k, average=False) for ranks in by_seed])
        for m in (name, other)
    ]
    result = paired_bootstrap(*scores, random_state=0)
    return {"difference": result.difference, "low": result.low, "high": result.high}


def main(words=None):
    """Fit, choose on validation rows, rank the test rows; print and store."""
    arguments = read_arguments(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    train, test = leave_last_out(read_data(arguments.data, arguments.embeddings))
    counts = np.bincount(train._item_codes, minlength=train.n_items)
    tail = train.catalog.item_ids[popularity_groups(counts, head=0.2)["tail"]]
    is_tail = np.isin(test.items, tail)
    parameters, score = search("l3ae", train)
    logging.info("l3ae: %s, validation NDCG@10 %.4f", parameters, score)
    by_seed, chosen = [], [{"l3ae": parameters}]
    for seed in map(int, arguments.seeds.split(",")):
        models, choice = run_seed(arguments, parameters, seed, train)
        by_seed.append(rank(models, test))
        chosen.append(choice)
    tables = {history: table_of(by_seed, is_tail, history) for history in ("kept", "masked")}
    parents = ["sasrec", *(f"l3ae by {metric}" for metric in CHOOSERS)]
    pairs = {
        f"{name} - {other}, {title}": difference(by_seed, name, other, metric, k)
        for name in by_seed[0]
        if name not in parents
        for other in parents
        for title, metric, k in (("R@20", recall_at_k, 20), ("N@10", ndcg_at_k, 10))
    }
    for history, table in tables.items():
        print(f"\n{arguments.data.name}, history {history}, seeds {arguments.seeds}")
        for name, row in table.items():
            print(f"{name:<17}", " ".join(f"{m} {value:.4f}" for m, value in row.items()))
    for pair, result in pairs.items():
        print(f"{pair}: {result['difference']:+.4f} [{result['low']:+.4f}, {result['high']:+.4f}]")
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / f"blend_{arguments.data.name}.json"
    record = {"chosen": chosen, "tables": tables, "pairs": pairs, **describe_machine()}
    path.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
