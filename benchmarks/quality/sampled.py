"""Fits of compare.py under the protocol of a target among 100 sampled items.

Papers on the long tail publish hit rates among 101 items. What a fit would show there follows from
its full ranks without drawing anything: of 100 items drawn uniformly from all others, as many
stand above the target as a hypergeometric variable says.

python benchmarks/quality/sampled.py results/beauty_sasrec_fits --data beauty
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from scipy.stats import hypergeom
from tables import number, rst_table

from skace.metrics import paired_bootstrap, recall_at_k


def expected_figures(ranks, n_items, *, n_candidates=100, k=10):
    """Expected recall and NDCG at k of each target among itself and sampled items.

    Parameters
    ----------
    ranks : ndarray of shape (n_rows,)
        Number of items above each target, among all; inf where it has no score.

    Returns
    -------
    recall, ndcg : ndarray of shape (n_rows,)
    """
    n_others = n_items - 1
    n_above, place = np.unique(np.minimum(np.ceil(ranks), n_others), return_inverse=True)
    sampled = np.arange(k)  # ranks that count
    chances = hypergeom.pmf(sampled, n_others, n_above[:, None].astype(int), n_candidates)
    return chances.sum(axis=1)[place], (chances / np.log2(sampled + 2)).sum(axis=1)[place]


def figures(path, n_items, n_candidates):
    """Figures of one stored fit by the heads of the table, and H@10 of each test row."""
    with np.load(path) as fit:
        ranks, is_tail = fit["masked"], fit["is_tail"]
    recall, ndcg = expected_figures(ranks, n_items, n_candidates=n_candidates)
    groups = {"H@10": recall, "N@10": ndcg, "tail H@10": recall[is_tail]}
    groups["head H@10"] = recall[~is_tail]
    means = {name: float(np.mean(group)) for name, group in groups.items()}
    return {"R@20, all": recall_at_k(ranks, 20), **means}, recall


def main(words=None):
    """Print the table of a folder of fits, best hit rate first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fits", type=Path, help="folder beside the tables that compare.py wrote")
    parser.add_argument("--data", type=Path, required=True, help="folder that the fits are of")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--candidates", type=int, default=100, help="items that are sampled")
    parser.add_argument("--against", help="row that H@10 of the others is compared with")
    arguments = parser.parse_args(words)
    n_items = pq.read_metadata(arguments.data / "items.parquet").num_rows
    if arguments.candidates >= n_items:
        raise SystemExit(
            f"{arguments.candidates} other items cannot be sampled of {n_items}; "
            "lower --candidates."
        )
    paths = arguments.fits.glob(f"* seed {arguments.seed}.npz")
    found = {
        path.name.partition(" seed ")[0]: figures(path, n_items, arguments.candidates)
        for path in paths
    }
    if arguments.against and arguments.against not in found:
        raise SystemExit(f"no fit is called {arguments.against!r}; there are {'; '.join(found)}.")
    rows = []
    for name, (means, recall) in sorted(found.items(), key=lambda one: -one[1][0]["H@10"]):
        row = {"method": f"``{name}``", **{head: number(mean) for head, mean in means.items()}}
        if arguments.against:
            row |= lead(recall, found[arguments.against][1])
        rows.append(row)
    print(rst_table(list(rows[0]), [list(row.values()) for row in rows]))


def lead(recall, other):
    """Cells of what H@10 is above that of another fit."""
    if recall is other:
        return {"lead, H@10": "", "95 %": ""}
    pair = paired_bootstrap(recall, other, random_state=0)
    span = f"{number(pair.low, '+')} to {number(pair.high, '+')}"
    return {"lead, H@10": number(pair.difference, "+"), "95 %": span}


if __name__ == "__main__":
    main()
