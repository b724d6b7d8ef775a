"""What skace promises by name: exports, docstrings, and an import that stays light."""
# SPDX-License-Identifier: BSD-3-Clause

import dataclasses
import importlib
import inspect
import pkgutil
import pydoc
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from numpydoc.docscrape import ClassDoc
from numpydoc.validate import validate

import skace

ROOT = Path(skace.__file__).parents[1]
REFERENCE = re.compile(r"see `\w+\.\w+`")
HEAVY = [
    "torch",
    "transformers",
    "sentence_transformers",
    "matplotlib",
    "pandas",
    "polars",
    "skops",
]

# A name that comes, goes or moves has to be written down here, and so is noticed in review.
EXPORTS = {
    "skace": [
        "ACETransformer",
        "BERT4RecEstimator",
        "Catalog",
        "EASEEstimator",
        "GRU4RecEstimator",
        "Interactions",
        "ItemKNNEstimator",
        "L3AEEstimator",
        "LeaveLastOut",
        "OnItems",
        "PopularityEstimator",
        "RLAEEstimator",
        "SASRecEstimator",
        "SLISTEstimator",
        "StackingRecommender",
        "TemporalSplit",
        "TextEncoder",
        "VotingRecommender",
        "WhiteningTransformer",
        "as_interactions",
        "leave_last_out",
        "mrr_scorer",
        "ndcg_scorer",
        "ranking_scorer",
        "recall_scorer",
        "recommend",
        "recommendation_pipeline",
        "show_versions",
    ],
    "skace.data": [
        "Catalog",
        "Interactions",
        "ValidationSet",
        "as_interactions",
        "k_core",
    ],
    "skace.datasets": [
        "ShopOracle",
        "fetch_amazon_reviews",
        "fetch_movielens",
        "fetch_steam",
        "load_amazon_reviews",
        "load_item_lists",
        "load_mind",
        "load_movielens",
        "load_recbole",
        "load_session_clicks",
        "load_steam",
        "load_yelp",
        "make_checkerboard",
        "make_cycle",
        "make_shop",
    ],
    "skace.embeddings": [
        "ACETransformer",
        "ColumnSelector",
        "ContrastiveTextEncoder",
        "FunctionModel",
        "GlobalScaler",
        "HttpModel",
        "Hubness",
        "ItemTransformerMixin",
        "LocalModel",
        "OnItems",
        "PreferenceTextEncoder",
        "SAIDTextEncoder",
        "SemanticIdEncoder",
        "TextEncoder",
        "WhiteningTransformer",
        "alignment",
        "anisotropy_report",
        "condition_number",
        "effective_rank",
        "explained_share",
        "hubness",
        "iso_score",
        "mean_cosine",
        "participation_ratio",
        "partition_isotropy",
        "spectral_decay",
        "spectral_entropy",
        "uniformity",
    ],
    "skace.exceptions": [
        "FutureLeakageWarning",
        "RepeatedEventsWarning",
        "RowOrderWarning",
        "TiedTargetsWarning",
    ],
    "skace.export": [
        "ItemIndex",
        "NumpyModel",
        "OnnxModel",
        "export_numpy",
        "export_onnx",
    ],
    "skace.inspection": [
        "AlphaCurveDisplay",
        "AnisotropyDisplay",
        "EmbeddingMapDisplay",
        "EpochCurveDisplay",
        "IdTreeDisplay",
        "PopularityDisplay",
        "SpectrumDisplay",
        "TiesDisplay",
        "node_words",
    ],
    "skace.item_tables": [
        "AlignedAdapter",
        "DualViewTable",
        "FrozenTable",
        "IDTable",
        "ItemModule",
        "ItemTable",
        "MLPAdapter",
        "NullSpaceTable",
        "SpectralAdapter",
        "TrainableTable",
    ],
    "skace.losses": [
        "BCE",
        "BPR",
        "GBCE",
        "InBatchSoftmax",
        "ItemCounts",
        "Loss",
        "SampledSoftmax",
        "Softmax",
        "all_vectors",
        "vectors_at",
    ],
    "skace.metrics": [
        "MeanInterval",
        "PairedComparison",
        "bootstrap_interval",
        "catalog_coverage",
        "exposure_gini",
        "hit_rate_at_k",
        "intra_list_diversity",
        "map_at_k",
        "mean_rank",
        "mrr_at_k",
        "mrr_scorer",
        "ndcg_at_k",
        "ndcg_scorer",
        "novelty",
        "paired_bootstrap",
        "popularity_bias",
        "popularity_groups",
        "popularity_lift",
        "precision_at_k",
        "randomization_test",
        "ranking_report",
        "ranking_scorer",
        "recall_at_k",
        "recall_scorer",
        "sampled_candidates_scorer",
        "sampled_ranks",
        "score_ranks",
        "serendipity",
        "target_ranks",
        "user_groups",
    ],
    "skace.model_selection": [
        "FutureLeakageWarning",
        "LeaveLastOut",
        "TemporalSplit",
        "leave_last_out",
    ],
    "skace.objectives": [
        "Cloze",
        "LastItem",
        "NextItem",
        "Objective",
    ],
    "skace.persistence": [
        "TRUSTED_TYPES",
        "dump",
        "load",
    ],
    "skace.recommenders": [
        "BERT4RecEstimator",
        "DiversifiedRecommender",
        "EASEEstimator",
        "Explanations",
        "FMLPEstimator",
        "FitRows",
        "GRAMEstimator",
        "GRAMTextEstimator",
        "GRU4RecEstimator",
        "ItemKNNEstimator",
        "L3AEEstimator",
        "LinearParameters",
        "LinearRecommender",
        "MELTEstimator",
        "MemberReport",
        "NetworkParameters",
        "NeuralRecommender",
        "PopularityEstimator",
        "RLAEEstimator",
        "Recommendations",
        "RepeatEstimator",
        "SASRecEstimator",
        "SLISTEstimator",
        "SeedEnsemble",
        "SequentialRecommender",
        "SimilarItems",
        "StackingRecommender",
        "VotingRecommender",
        "explain",
        "recommend",
        "recommendation_pipeline",
        "similar_items",
    ],
    "skace.testing": [
        "CheckReport",
        "CheckResult",
        "RecommenderCheck",
        "all_losses",
        "all_recommenders",
        "check_sequential_recommender",
        "checks_lacking",
        "parametrize_with_checks",
        "recommender_checks",
    ],
}


def _public_packages():
    found = ["skace"]
    for module in pkgutil.iter_modules(skace.__path__, "skace."):
        if not module.name.split(".")[-1].startswith("_"):
            found.append(module.name)
    return sorted(found)


def _documented_names():
    """Every public class, function, method and property, by the path a user would type."""
    names = {}
    for package in _public_packages():
        module = importlib.import_module(package)
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing) or inspect.isfunction(thing):
                names.setdefault(thing, f"{package}.{name}")
                names |= _own_members(thing, f"{package}.{name}") if inspect.isclass(thing) else {}
    return sorted(set(names.values()))


def _own_members(cls, path):
    """Public members that skace wrote itself; scikit-learn answers for its own."""
    members = {}
    for name, member in inspect.getmembers(cls):
        function = member.fget if isinstance(member, property) else inspect.unwrap(member)
        module = getattr(function, "__module__", None) or ""
        if not name.startswith("_") and callable(function) and module.startswith("skace"):
            members[(cls, name)] = f"{path}.{name}"
    return members


def _ignored_checks():
    """What the linter ignores, less what it only cannot see."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    checks = set(config["tool"]["numpydoc_validation"]["checks"])
    return checks - {"all", "PR01", "PR02", "RT01"}


def test_every_public_package_is_in_the_snapshot():
    assert _public_packages() == sorted(EXPORTS)


@pytest.mark.parametrize("package", _public_packages())
def test_exports_are_those_of_the_snapshot(package):
    assert importlib.import_module(package).__all__ == EXPORTS[package]


@pytest.mark.parametrize("package", _public_packages())
def test_every_export_exists(package):
    module = importlib.import_module(package)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


def _faults(name):
    """What numpydoc finds, less what the configuration and the two rules below allow."""
    found = validate(name)
    codes = _ignored_checks()
    # Fields of a record that is only ever returned are attributes to its reader.
    thing = pydoc.locate(name)
    if dataclasses.is_dataclass(thing) or hasattr(thing, "_fields"):
        described = {field.name for field in ClassDoc(thing)["Attributes"]}
        codes |= {"PR01"} if described.issuperset(inspect.signature(thing).parameters) else set()
    # An override may send its reader to the method that it overrides.
    if REFERENCE.search(found["docstring"]):
        codes |= {"PR01", "RT01"}
    return [fault for fault in found["errors"] if fault[0] not in codes]


@pytest.mark.parametrize("name", _documented_names())
def test_docstring_is_complete(name):
    assert _faults(name) == []


def test_import_loads_nothing_heavy():
    # scikit-learn itself loads pandas where there is some; that is none of our doing.
    code = f"""
import importlib, sys, sklearn.utils
before = set(sys.modules)
for package in {_public_packages()!r}:
    module = importlib.import_module(package)
    for name in set(getattr(module, "__all__", ())) - set(getattr(module, "_NEED_TORCH", ())):
        getattr(module, name)
    print(package, *[name for name in {HEAVY!r} if name in set(sys.modules) - before])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == _public_packages()


def test_the_package_alone_is_imported_in_no_time():
    code = "import sys, skace; skace.__version__; print({'numpy', 'sklearn'} & {*sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_packages_need_no_import_of_their_own():
    public = [name.removeprefix("skace.") for name in _public_packages() if name != "skace"]
    asked = "; ".join(f"print(skace.{name}.__name__)" for name in public)
    code = f"import skace; {asked}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == [f"skace.{name}" for name in public]
    assert set(skace._PACKAGES) == set(public)


@pytest.mark.parametrize("package", ["skace", "skace.embeddings", "skace.recommenders"])
def test_what_is_imported_on_demand_is_listed_and_completed(package):
    module = importlib.import_module(package)
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match="SASREC"):
        module.SASREC  # noqa: B018 - that it is not there
