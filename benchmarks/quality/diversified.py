"""What DiversifiedRecommender takes of NDCG and gives in diversity, by its trade-off.

Ranks each user's last event before the test, so that what is chosen here has not seen the test;
``--test`` ranks the test rows. See ``python benchmarks/quality/diversified.py --help``.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import time
from pathlib import Path

from compare import read_data
from measuring import describe_machine
from sklearn.frozen import FrozenEstimator

from skace import ACETransformer, ItemKNNEstimator, SASRecEstimator
from skace.metrics import intra_list_diversity
from skace.model_selection import leave_last_out
from skace.recommenders import DiversifiedRecommender

MODELS = {
    "knn": lambda _: ItemKNNEstimator(k=20),
    "sasrec": lambda epochs: SASRecEstimator(
        k=20, max_epochs=epochs, early_stopping=False, random_state=0
    ),
}


def read_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder")
    parser.add_argument("--embeddings", help="file in the folder, if it has several")
    parser.add_argument("--model", choices=MODELS, default="knn")
    parser.add_argument("--epochs", type=int, default=3, help="of a network")
    parser.add_argument("--trade-off", type=float, nargs="+", default=[0.9, 0.85, 0.8])
    parser.add_argument("--by", choices=["text", "ace"], default="text", help="item vectors")
    parser.add_argument("--n-candidates", type=int, default=100)
    parser.add_argument("--test", action="store_true", help="rank the test rows")
    parser.add_argument("--output", type=Path, default=Path("results"))
    return parser.parse_args(words)


def measure(model, rows, sources):
    """NDCG, CPU seconds for lists of 20, and diversity of these and of their first halves."""
    start = time.process_time()
    lists = model.predict(rows)
    seconds = time.process_time() - start  # of all threads, whatever else the machine does
    half = lists.shape[1] // 2
    found = {"ndcg@10": model.score(rows), "seconds": seconds}
    for name, vectors in sources.items():
        for length in (half, 2 * half):
            diversity = intra_list_diversity(lists[:, :length], model.item_ids_, vectors)
            found[f"{name}@{length}"] = diversity
    return found


def run(words=None):
    """Print a line per trade-off and store all."""
    arguments = read_arguments(words)
    X = read_data(arguments.data, arguments.embeddings)
    train, rows = leave_last_out(X)
    if not arguments.test:
        train, rows = leave_last_out(train)
    sources = {"text": X.catalog.features}
    n_components = min(128, X.catalog.n_features)
    ace = ACETransformer(n_components=n_components).fit(train)
    sources["ace"] = ace.transform(train).catalog.features
    model = MODELS[arguments.model](arguments.epochs)
    model.set_params(k=min(20, X.n_items)).fit(ace.transform(train))
    # It answers from ids alone, so the texts' own vectors can stand beside it.
    rows, train = (
        rows.with_features(None),
        train if arguments.by == "text" else ace.transform(train),
    )
    found = {"1": measure(model, rows, sources)}
    show("estimator", found["1"], found["1"])
    for trade_off in arguments.trade_off:
        diverse = DiversifiedRecommender(
            FrozenEstimator(model),
            k=model.k,
            trade_off=trade_off,
            n_candidates=arguments.n_candidates,
        ).fit(train)
        found[str(trade_off)] = measure(diverse, rows, sources)
        show(f"{trade_off:g}", found[str(trade_off)], found["1"])
    arguments.output.mkdir(parents=True, exist_ok=True)
    part = "test" if arguments.test else "validation"
    path = arguments.output / f"diversified-{arguments.data.name}-{arguments.model}-{part}.json"
    path.write_text(json.dumps({"found": found, **describe_machine()}, indent=1))
    return found


def show(name, found, plain):
    """One line: figures, and what they are of those without reordering."""
    parts = [f"{key} {value:.4f} ({value / plain[key] - 1:+.1%})" for key, value in found.items()]
    print(f"{name:>9}", *parts, sep="  ", flush=True)


if __name__ == "__main__":
    run()
