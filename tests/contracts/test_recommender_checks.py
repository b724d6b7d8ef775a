"""Every recommender of skace keeps the contract, and the checks notice when one does not."""
# SPDX-License-Identifier: BSD-3-Clause

import inspect
import random
import re
import subprocess
import sys
import textwrap
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from skace import Interactions, PopularityEstimator, SASRecEstimator
from skace.item_tables import FrozenTable, TrainableTable
from skace.losses import BCE, BPR, GBCE, SampledSoftmax
from skace.recommenders import (
    BERT4RecEstimator,
    FMLPEstimator,
    GRAMEstimator,
    GRU4RecEstimator,
    MELTEstimator,
    NeuralRecommender,
    RepeatEstimator,
    SequentialRecommender,
)
from skace.testing import (
    CheckReport,
    CheckResult,
    all_recommenders,
    check_sequential_recommender,
    checks_lacking,
    parametrize_with_checks,
    recommender_checks,
)

# Asserted, so that a check that is no longer collected does not vanish unnoticed.
N_CHECKS = 80


class TransitionRecommender(SequentialRecommender):
    """What followed the last item most often: how to bring a recommender of your own.

    The base class turns whatever users pass into rows, knows ids, empty histories, ranks and
    seen items. A model learns from rows in `_fit_rows` and sets ``item_vectors_``; `_encode`
    gives each history a vector whose inner products with these are the scores. The constructor
    is that of the base class, so there is none to write.
    """

    def _fit_rows(self, rows, task):  # noqa: ARG002
        X, columns, weights = rows.X, rows.columns, rows.weights
        n_items = self.item_ids_.size
        counts = np.zeros((n_items, n_items), dtype=np.float32)
        if not rows.is_fresh:  # partial_fit goes on from what there is
            n_old = len(self.item_vectors_)
            counts[:n_old, :n_old] = self.item_vectors_
        # Each event once, whatever the repeats of rows, and only those with a past.
        X = X[np.unique(X.source_rows, return_index=True)[1]]
        pasts = self._histories(X)
        filled = np.flatnonzero(pasts.lengths > 0)
        last = pasts.items[pasts.ends[filled] - 1]
        target = columns[X.catalog.row_of(X[filled].items)]
        np.add.at(counts, (target, last), 1.0 if weights is None else weights[X[filled]._ends])
        self.item_vectors_ = counts

    def _encode(self, histories):
        last = histories.items[histories.ends - 1]
        return np.eye(self.item_ids_.size, dtype=np.float32)[last]


def tiny(cls=SASRecEstimator, **parameters):
    """A model that learns next to nothing, quickly."""
    sizes = {"max_length": 6, "n_layers": 1, "max_epochs": 2, "batch_size": 16}
    taken = inspect.signature(cls).parameters
    return cls(**({name: size for name, size in sizes.items() if name in taken} | parameters))


# A new network is checked without being listed; these two have files of their own.
ELSEWHERE = (GRAMEstimator, MELTEstimator)
NETWORKS = [
    cls for cls in all_recommenders() if issubclass(cls, NeuralRecommender) and cls not in ELSEWHERE
]


def expected_failures(estimator):
    reads_times = "time" in (getattr(estimator, "positions", 0), getattr(estimator, "decay_by", 0))
    if reads_times:
        return checks_lacking("times")
    if getattr(estimator, "train_on_held_out", False):
        reason = "With X_val nothing is held out, so there is nothing to train on once more."
        return {"check_validation_rows_are_accepted": reason}
    is_frozen = isinstance(getattr(estimator, "item_table", None), FrozenTable)
    return checks_lacking("features") if is_frozen else {}


WITH_FEATURES = [
    PopularityEstimator(),
    RepeatEstimator(),
    TransitionRecommender(),
    *(tiny(cls) for cls in NETWORKS if cls is not FMLPEstimator),  # which is in SHAPES
]
# The same code with other settings.
SHAPES = [
    tiny(loss=SampledSoftmax(5), early_stopping=False),
    tiny(train_on_held_out=True),
    tiny(item_table=FrozenTable(), long_sequences="truncate"),
    tiny(item_table=TrainableTable(cold_items="negatives"), max_length=2),
    tiny(block="ligr", loss=GBCE(4)),
    tiny(positions="relative"),
    tiny(positions="rotary", block="pre", max_length=2),
    tiny(positions="relative", block="hstu"),
    tiny(positions="time"),
    tiny(positions="time", block="hstu", max_length=3),
    tiny(GRU4RecEstimator, n_layers=2, hidden_dim=3, loss=BPR(256, draw="in_batch")),
    tiny(BERT4RecEstimator, max_length=1, finetune_ratio=0.0, item_table=FrozenTable()),
    tiny(BERT4RecEstimator, loss=SampledSoftmax(draw="popularity"), max_length=3),
    tiny(FMLPEstimator, long_sequences="truncate"),
    tiny(FMLPEstimator, max_length=1, loss=BCE(3)),
    RepeatEstimator(decay_by="time"),
]


@parametrize_with_checks(WITH_FEATURES, expected_failed_checks=expected_failures)
def test_contract_with_features(estimator, check):
    check(estimator)


@pytest.mark.minutes
@parametrize_with_checks(SHAPES, expected_failed_checks=expected_failures)
def test_contract_of_every_shape(estimator, check):
    check(estimator)


@parametrize_with_checks(
    [
        PopularityEstimator(),
        RepeatEstimator(history_decay=None),
        tiny(FMLPEstimator, embedding_dim=8, max_epochs=1, batch_size=64),
    ],
    n_features=None,
)
def test_contract_without_features(estimator, check):
    check(estimator)


OTHERS = [cls for cls in NETWORKS if cls is not FMLPEstimator]


@pytest.mark.minutes
@parametrize_with_checks([tiny(cls, embedding_dim=8) for cls in OTHERS], n_features=None)
def test_contract_of_other_networks_without_features(estimator, check):
    check(estimator)


@pytest.mark.parametrize("cls", all_recommenders())
def test_every_recommender_is_under_contract(cls):
    files = Path(__file__).parent.glob("test_*.py")
    mentions = re.findall(
        rf"\b{cls.__name__}\b", "".join(path.read_text("utf-8") for path in files)
    )
    assert cls in NETWORKS or len(mentions) > 1  # imported, and checked


def test_checks_of_a_model_without_torch_load_neither_torch_nor_pytest():
    code = """
        import sys
        import skace.testing
        assert "pytest" not in sys.modules
        from skace import PopularityEstimator
        skace.testing.check_sequential_recommender(PopularityEstimator())
        print([name for name in ("torch", "skace._torch") if name in sys.modules])
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"


@pytest.mark.parametrize("n_features", [None, 8])
def test_number_of_checks_is_known(n_features):
    checks = recommender_checks(n_features=n_features)
    assert len(checks) == N_CHECKS
    assert len({check.name for check in checks}) == N_CHECKS


@pytest.mark.parametrize("check", recommender_checks(), ids=lambda check: check.name)
def test_every_check_says_in_a_sentence_what_it_is_for(check):
    assert check.name.startswith("check_")
    assert check.purpose[0].isupper() or check.purpose.startswith(("cross_validate", "set_params"))
    assert check.purpose.endswith(".")
    assert len(check.purpose.split()) >= 3


# What the checks are for: each of these breaks one rule.


class WritesIntoItsInput(TransitionRecommender):
    def _fit_rows(self, rows, task):
        super()._fit_rows(rows, task)
        rows.X._log.items.sort()


class LearnsFromTheWholeLog(TransitionRecommender):
    def _fit_rows(self, rows, task):
        whole = rows.X._derive(ends=np.arange(rows.X._log.n_events))
        super()._fit_rows(replace(rows, X=whole), task)


class ReadsTheFuture(TransitionRecommender):
    def _encode(self, histories):
        after = np.minimum(histories.ends, len(histories.items) - 1)
        return np.eye(self.item_ids_.size, dtype=np.float32)[histories.items[after]]


class KeepsHistories(TransitionRecommender):
    def _fit_rows(self, rows, task):
        super()._fit_rows(rows, task)
        self.histories_ = rows.X._log.items.tolist()


class KeepsUsers(TransitionRecommender):
    def _fit_rows(self, rows, task):
        super()._fit_rows(rows, task)
        self.users_ = np.unique(rows.X.users)


class IgnoresItsSeed(TransitionRecommender):
    _parameter_constraints: ClassVar[dict] = {
        **TransitionRecommender._parameter_constraints,
        "random_state": ["random_state"],
    }

    def __init__(self, k=10, *, exclude_seen=False, handle_unknown="error", random_state=None):
        super().__init__(k, exclude_seen=exclude_seen, handle_unknown=handle_unknown)
        self.random_state = random_state

    def _fit_rows(self, rows, task):
        super()._fit_rows(rows, task)
        noise = np.random.default_rng().random(self.item_vectors_.shape)
        self.item_vectors_ = (self.item_vectors_ + noise).astype(np.float32)


class DrawsFromTheGlobalGenerator(TransitionRecommender):
    def _fit_rows(self, rows, task):
        np.random.rand()  # noqa: NPY002 - the fault
        super()._fit_rows(rows, task)


class SeedsPython(TransitionRecommender):
    def _encode(self, histories):
        random.seed(0)
        return super()._encode(histories)


class GoesOnFromTheLastFit(TransitionRecommender):
    def _forget(self):
        vectors = getattr(self, "item_vectors_", None)
        super()._forget()
        if vectors is not None:
            self.item_vectors_ = vectors

    def _fit_rows(self, rows, task):
        is_fresh = not hasattr(self, "item_vectors_")
        super()._fit_rows(replace(rows, is_fresh=is_fresh), task)


class ScoresInDoublePrecision(TransitionRecommender):
    def decision_function(self, X):
        return super().decision_function(X).astype(np.float64)


class CountsRepeatedRows(TransitionRecommender):
    def _learn_items(self, X, weights, *, fresh):
        columns = super()._learn_items(X, weights, fresh=fresh)
        self.popularity_ = np.bincount(X._item_codes, minlength=X.n_items).astype(np.float64)
        return columns


class ReadsTiesAsInTheInput(TransitionRecommender):
    def _fit_rows(self, X, *args, **kwargs):
        order = np.argsort(X.source_rows)
        X = X[order]
        X = Interactions(X.users, X.items, X.timestamps, catalog=X.catalog)
        super()._fit_rows(X, *args, **kwargs)


class LooksAtTheRowsTogether(TransitionRecommender):
    def _encode(self, histories):
        vectors = super()._encode(histories)
        return vectors - vectors.mean(axis=0)


class ForgetsTheSeen(TransitionRecommender):
    def _mask_seen(self, scores, histories, columns):
        recent = np.maximum(histories.starts, histories.ends - 2)
        cut = type(histories)(histories.items, recent, histories.ends)
        super()._mask_seen(scores, cut, columns)


class ChangesItsParameters(TransitionRecommender):
    def _fit_rows(self, rows, task):
        super()._fit_rows(rows, task)
        self.k = int(min(self.k, 3))


class SetsPublicAttributes(TransitionRecommender):
    def _fit_rows(self, rows, task):
        super()._fit_rows(rows, task)
        self.n_rows = len(rows.X)


class WorksInItsConstructor(TransitionRecommender):
    def __init__(self, k=10, *, exclude_seen=False, handle_unknown="error"):
        super().__init__(k, exclude_seen=exclude_seen, handle_unknown=handle_unknown)
        self.table = np.zeros(3)


class ValidatesNothing(TransitionRecommender):
    _parameter_constraints: ClassVar[dict] = dict.fromkeys(
        TransitionRecommender._parameter_constraints, "no_validation"
    )


class RanksTiesFromTheTop(TransitionRecommender):
    def _ranks(self, X, exclude_seen=None):
        return np.floor(super()._ranks(X, exclude_seen))


class ScoresByItsOwnLength(TransitionRecommender):
    def score(self, X, y=None, sample_weight=None):  # noqa: ARG002
        return float(np.mean(self.target_ranks(X) < self.k))


class DoesNotSupportNewItems(TransitionRecommender):
    def partial_fit(self, X, y=None, sample_weight=None):  # noqa: ARG002
        return self


class DoesNotTellCallbacks(TransitionRecommender):
    def set_callbacks(self, *callbacks):  # noqa: ARG002
        return self


class CannotBePickled(TransitionRecommender):
    def _fit_rows(self, rows, task):
        super()._fit_rows(rows, task)
        self.scorer_ = lambda scores: scores


BROKEN = {
    WritesIntoItsInput: "check_input_is_not_changed",
    LearnsFromTheWholeLog: "check_left_out_events_do_not_matter",
    ReadsTheFuture: "check_later_events_do_not_matter",
    KeepsHistories: "check_files_hold_no_histories",
    KeepsUsers: "check_files_hold_no_user_ids",
    IgnoresItsSeed: "check_same_seed_same_model",
    DrawsFromTheGlobalGenerator: "check_globals_are_left_alone",
    SeedsPython: "check_globals_are_left_alone",
    GoesOnFromTheLastFit: "check_second_fit_equals_first",
    ScoresInDoublePrecision: "check_scores_are_float32",
    ReadsTiesAsInTheInput: "check_tied_events_stand_as_in_the_log",
    CountsRepeatedRows: "check_repeated_and_reordered_rows_change_nothing",
    LooksAtTheRowsTogether: "check_rows_are_answered_apart",
    ForgetsTheSeen: "check_exclude_seen",
    ChangesItsParameters: "check_fit_leaves_the_parameters",
    SetsPublicAttributes: "check_fit_leaves_the_parameters",
    WorksInItsConstructor: "check_no_attributes_set_in_init",
    ValidatesNothing: "check_every_parameter_is_validated",
    RanksTiesFromTheTop: "check_ranks_agree_with_scores",
    ScoresByItsOwnLength: "check_score_is_ndcg_of_the_ranks",
    DoesNotSupportNewItems: "check_partial_fit_adds_new_items",
    DoesNotTellCallbacks: "check_callbacks_see_the_fit",
    CannotBePickled: "check_copies_answer_alike",
}


@pytest.mark.parametrize(
    ("broken", "name"), BROKEN.items(), ids=lambda x: getattr(x, "__name__", x)
)
def test_broken_recommender_fails_the_matching_check(broken, name):
    (check,) = [check for check in recommender_checks() if check.name == name]
    check(TransitionRecommender())
    with pytest.raises(Exception, match=r".+"):
        check(broken())


def test_report_tells_what_failed_and_why():
    reason = "It keeps histories on purpose, as a nearest-neighbour model would."
    report = check_sequential_recommender(
        KeepsHistories(), expected_failed_checks={"check_files_hold_no_histories": reason}
    )
    assert isinstance(report, CheckReport)
    assert len(report) == N_CHECKS
    assert report.names("failed") == []
    assert set(report.names("expected failure")) == {
        "check_files_hold_no_histories",
        "check_positive_only_tag_during_fit",
    }
    first, *rest = str(report).splitlines()
    assert first == "KeepsHistories: 80 checks, 77 passed, 2 expected failure, 1 skipped"
    assert f"  expected failure: check_files_hold_no_histories: {reason}" in rest


def test_all_failures_are_raised_together():
    with pytest.raises(AssertionError) as raised:
        check_sequential_recommender(ScoresByItsOwnLength())
    report = check_sequential_recommender(ScoresByItsOwnLength(), on_fail=None)
    assert "check_score_is_ndcg_of_the_ranks" in report.names("failed")
    assert "check_cross_validate" not in report.names("failed")
    assert str(raised.value) == str(report)


def test_an_expected_failure_that_passes_is_an_error():
    reason = "This reason is out of date."
    with pytest.raises(AssertionError, match=f"passed, but was expected to fail: {reason}"):
        check_sequential_recommender(
            TransitionRecommender(), expected_failed_checks={"check_tags": reason}
        )


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ({"check_nothing": "There is no such check."}, "names no check: check_nothing."),
        (
            {"check_tags": "FIXME"},
            r"expected_failed_checks\['check_tags'\] must be a sentence that says why, got 'FIXME'",
        ),
    ],
)
@pytest.mark.parametrize(
    "runner",
    [
        partial(check_sequential_recommender, TransitionRecommender()),
        partial(parametrize_with_checks, [TransitionRecommender()]),
    ],
)
def test_expected_failures_need_a_name_and_a_reason(expected, text, runner):
    with pytest.raises(ValueError, match=text):
        runner(expected_failed_checks=expected)


@pytest.mark.parametrize(
    "runner",
    [
        partial(check_sequential_recommender, PopularityEstimator),
        partial(parametrize_with_checks, [PopularityEstimator]),
    ],
)
def test_a_class_is_refused(runner):
    with pytest.raises(TypeError, match="must be an instance, got the class PopularityEstimator"):
        runner()


def test_unknown_on_fail_is_refused():
    with pytest.raises(ValueError, match=r"^on_fail must be 'raise' or None, got 'warn'\.$"):
        check_sequential_recommender(PopularityEstimator(), on_fail="warn")


def test_what_checks_lack_is_one_of_three():
    assert checks_lacking("texts").keys() == checks_lacking("features").keys()
    assert checks_lacking("times", in_answers=False).keys() < checks_lacking("times").keys()
    with pytest.raises(ValueError, match='"features", "texts" or "times", got \'vectors\''):
        checks_lacking("vectors")


def test_pytest_cases_are_strict_and_carry_the_reason():
    mark = parametrize_with_checks([PopularityEstimator()]).mark
    assert mark.args[0] == ("estimator", "check")
    marks = {case.id.rsplit("-", 1)[1]: case.marks for case in mark.args[1]}
    assert len(marks) == N_CHECKS
    (xfail,) = marks.pop("check_positive_only_tag_during_fit")
    assert xfail.kwargs == {
        "reason": "The check fits a 2-D array, which recommenders refuse.",
        "strict": True,
    }
    assert not any(marks.values())


def test_a_result_says_passed_failed_or_skipped():
    report = CheckReport("X", (CheckResult("check_a", "skipped", ImportError("no frames")),))
    assert str(report) == "X: 1 checks, 1 skipped\n  skipped: check_a: no frames"


def test_repr_of_a_report_is_its_first_line():
    results = (CheckResult("check_a", "passed"), CheckResult("check_b", "failed", ValueError("x")))
    report = CheckReport("X", results)
    assert repr(report) == "CheckReport(X: 2 checks, 1 passed, 1 failed)"
    assert str(report).splitlines()[0] in repr(report)
