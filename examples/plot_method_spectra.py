"""
What each method does to the vectors
====================================

Methods that prepare item vectors for a recommender differ in how they change the spectrum: how
unequal the directions are, and how many of them are kept. This page compares six of them on the
same vectors.
"""
# SPDX-License-Identifier: BSD-3-Clause

# %%
# Anisotropic vectors
# -------------------
# The vectors are **made up**, with two properties of sentence encoders: a direction that all items
# share (mean cosine .6), and behind it a slow power law.

from skace.datasets import make_shop
from skace.embeddings import mean_cosine, participation_ratio

shop = make_shop(
    n_users=300,
    n_items=1000,
    n_events=1500,
    n_features=128,
    mean_cosine=0.6,
    spectral_decay=0.6,
    random_state=0,
)
F = shop.catalog.features
print(f"{F.shape[0]} items, {F.shape[1]} columns")

# %%
# Six methods
# -----------
# All methods but the whitenings keep 64 directions. ``ColumnSelector`` keeps columns, the others
# keep the strongest directions.

import numpy as np
from sklearn.decomposition import PCA

from skace import ACETransformer, WhiteningTransformer
from skace.embeddings import ColumnSelector

width = 64
methods = {
    "columns (LLMInit)": {
        method: ColumnSelector(width, method=method, random_state=0)
        for method in ("variance", "strided", "random")
    },
    "PCA (LLM2X)": {"PCA": PCA(width, svd_solver="full")},
    "whitening": {"ZCA": WhiteningTransformer()},
    "group whitening (WhitenRec)": {
        "4 groups": WhiteningTransformer(n_groups=4),
        "16 groups": WhiteningTransformer(n_groups=16),
    },
    "ACE": {f"alpha = {alpha:g}": ACETransformer(width, alpha=alpha) for alpha in (0, 0.1, 1, 10)},
    "power law": {
        f"exponent = {exponent:g}": ACETransformer(width, spectrum="power", exponent=exponent)
        for exponent in (0.25, 0.5, 0.75)
    },
}
vectors = {
    method: {name: transformer.fit_transform(F) for name, transformer in variants.items()}
    for method, variants in methods.items()
}

# %%
# Two measures describe the result: the mean cosine of two items (0: no common direction), and how
# many directions carry the variance (at most the number of columns).

print(f"{'':<44} {'mean cosine':>11} {'directions in use':>18}")
table = {("as they came", ""): F} | {
    (method, name): Z for method, variants in vectors.items() for name, Z in variants.items()
}
for (method, name), Z in table.items():
    used = f"{participation_ratio(Z):.1f} of {Z.shape[1]}"
    print(f"{method:<28} {name:<15} {mean_cosine(Z):>11.2f} {used:>18}")

# %%
# In pictures
# -----------
# Singular values, largest first, each line relative to its largest. The grey line in all panels is
# that of the original vectors. A flat line is isotropic.
#
# * Columns: some of them are about as anisotropic as all of them.
# * PCA removes the common direction and keeps the slope of the rest.
# * Full whitening flattens everything, and so amplifies the noise at the far end.
# * Group whitening keeps what one group of columns has in common with another.
# * ACE goes from flat to the original, and bends the strong directions down first.
# * A power law tilts all directions alike.

import matplotlib.pyplot as plt

from skace.inspection import SpectrumDisplay

raw = np.linalg.svd(F, compute_uv=False)
fig, axes = plt.subplots(2, 3, figsize=(10, 6), sharex=True, sharey=True, layout="constrained")
for ax, (method, variants) in zip(axes.flat, vectors.items(), strict=True):
    spectra = {name: np.linalg.svd(Z, compute_uv=False) for name, Z in variants.items()}
    kept = {name: values[values > 1e-6 * values[0]] for name, values in spectra.items()}
    display = SpectrumDisplay({"raw": raw} | kept, is_ordered=True).plot(ax)
    display.lines_[0].set_label("_told below")
    ax.legend(loc="lower left", frameon=False)
    ax.set_title(method)
for ax in axes.flat:
    ax.label_outer()
grey = "the vectors as they came, in all panels"
fig.legend(display.lines_[:1], [grey], loc="outside lower center", frameon=False)
plt.show()
