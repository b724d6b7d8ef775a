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

from skace.metrics import recall_at_k


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


def line(path, n_items):
    """Figures of one stored fit: its method, and a table's cells."""
    with np.load(path) as fit:
        ranks, is_tail = fit["masked"], fit["is_tail"]
    recall, ndcg = expected_figures(ranks, n_items)
    groups = [recall, ndcg, recall[is_tail], recall[~is_tail]]
    means = [recall_at_k(ranks, 20), *(float(np.mean(group)) for group in groups)]
    return [f"``{path.name.partition(' seed ')[0]}``", *map(number, means)]


def main(words=None):
    """Print the table of a folder of fits, best hit rate first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fits", type=Path, help="folder beside the tables that compare.py wrote")
    parser.add_argument("--data", type=Path, required=True, help="folder that the fits are of")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(words)
    n_items = pq.read_metadata(arguments.data / "items.parquet").num_rows
    rows = [line(path, n_items) for path in arguments.fits.glob(f"* seed {arguments.seed}.npz")]
    head = ["method", "R@20, all", "H@10", "N@10", "tail H@10", "head H@10"]
    print(rst_table(head, sorted(rows, key=lambda row: row[2], reverse=True)))


if __name__ == "__main__":
    main()
