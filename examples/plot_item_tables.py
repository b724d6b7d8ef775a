"""
Comparing item tables
=====================

Item vectors can enter a network in several ways: as a start that is trained further, frozen,
through an adapter, or beside trained ids. Each way is a parameter object, ``item_table=``. This
page compares six of them with the same network on the same test rows, and shows which differences
are real.
"""
# SPDX-License-Identifier: BSD-3-Clause

# %%
# A made-up shop
# --------------
# Each item has about ten events on average, and a few items have most of them. That is little to
# learn from, so texts should help. The point here is how to compare tables, all with their
# defaults; :doc:`/benchmarks/item_tables` compares them on real logs.

from skace import leave_last_out
from skace.datasets import make_shop

shop = make_shop(
    n_users=1500,
    n_items=600,
    n_events=6500,
    n_features=96,
    mean_cosine=0.6,
    spectral_decay=0.8,
    random_state=0,
)
X_train, X_test = leave_last_out(shop.interactions)

# %%
# Six ways in
# -----------
# Every way is a Pipeline. The step before the network follows the publication of the table:
# :class:`~skace.item_tables.MLPAdapter` over white vectors is WhitenRec,
# :class:`~skace.item_tables.NullSpaceTable` is AlphaFuse, and
# :class:`~skace.item_tables.SpectralAdapter` is SpecTran.

from sklearn.pipeline import make_pipeline

from skace import ACETransformer, SASRecEstimator, WhiteningTransformer
from skace.item_tables import (
    FrozenTable,
    IDTable,
    MLPAdapter,
    NullSpaceTable,
    SpectralAdapter,
    TrainableTable,
)


def network(item_table):
    """Return the same small network for every table."""
    return SASRecEstimator(
        embedding_dim=48,
        item_table=item_table,
        n_layers=1,
        dropout=0.2,
        learning_rate=0.003,
        random_state=0,
    )


ways = {
    "ids only": network(IDTable()),
    "ACE, trained on": make_pipeline(ACETransformer(48), network(TrainableTable())),
    "ACE, frozen": make_pipeline(ACETransformer(48), network(FrozenTable())),
    "white, MLP (WhitenRec)": make_pipeline(WhiteningTransformer(), network(MLPAdapter())),
    "null space (AlphaFuse)": network(NullSpaceTable(id_dim=24)),
    "spectral (SpecTran)": network(SpectralAdapter()),
}

# %%
# One score per test row
# ----------------------
# All models rank the same test rows, and a mean hides this. With the score of every row we can
# compare models row by row.

from skace.metrics import ndcg_at_k, target_ranks

row_scores = {}
for name, model in ways.items():
    ranks = target_ranks(model.fit(X_train), X_test)
    row_scores[name] = ndcg_at_k(ranks, 10, average=False)
    print(f"{name:<23} NDCG@10 {row_scores[name].mean():.4f}")

# %%
# Differences, with intervals
# ---------------------------
# :func:`~skace.metrics.paired_bootstrap` draws test rows again and again. If the interval is on one
# side of 0, other visitors of this shop would probably give the same verdict. Another training run
# may still give another verdict. To cover that, fit with several seeds and pass a line of scores
# for each.

from skace.metrics import paired_bootstrap

baseline = row_scores.pop("ids only")
comparisons = {
    name: paired_bootstrap(scores, baseline, random_state=0) for name, scores in row_scores.items()
}
for name, comparison in comparisons.items():
    verdict = "decided" if comparison.is_decided else "open"
    print(
        f"{name:<23} {comparison.difference:+.4f} "
        f"[{comparison.low:+.4f}, {comparison.high:+.4f}]  {verdict}"
    )

# %%
# Filled dots are decided, hollow ones are not.

import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
for place, (name, comparison) in enumerate(comparisons.items()):
    ax.errorbar(
        comparison.difference,
        place,
        xerr=[
            [comparison.difference - comparison.low],
            [comparison.high - comparison.difference],
        ],
        fmt="o",
        color="#0072B2",
        markerfacecolor="#0072B2" if comparison.is_decided else "white",
        markersize=8,
        capsize=4,
        label=name,
    )
ax.axvline(0, color="black", linewidth=1)
ax.set_yticks(range(len(comparisons)), list(comparisons))
ax.invert_yaxis()
ax.margins(y=0.12)
ax.set_xlabel("NDCG@10 above that of ids only (95 % interval over test rows)")
ax.spines[["top", "right"]].set_visible(False)
plt.show()
