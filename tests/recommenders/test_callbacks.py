"""Callbacks and progress: what is told, shown, logged, and who may stop a fit."""
# SPDX-License-Identifier: BSD-3-Clause

import io
import logging
import re
from collections import Counter
from contextlib import contextmanager

import numpy as np
import pytest
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skace import (
    ACETransformer,
    LeaveLastOut,
    PopularityEstimator,
    SASRecEstimator,
    ndcg_scorer,
    ranking_scorer,
)
from skace._visible_log import visible_log
from skace.datasets import make_cycle
from skace.recommenders.neural._epochs import log_epoch

N_EPOCHS = 3
QUICK = {
    "k": 2,
    "n_layers": 1,
    "max_epochs": N_EPOCHS,
    "batch_size": 8,
    "early_stopping": False,
    "random_state": 0,
}


@pytest.fixture(scope="module")
def cycle():
    return make_cycle(n_users=12, n_items=9, length=8, n_features=8, random_state=0)


def recorder(path, max_propagation_depth=None):
    """Callback that appends a line per call to a file, from whatever process it is in.

    The class is local, so that workers, which cannot import this file, get it by value.
    """

    class Recorder:
        def __init__(self):
            self.max_propagation_depth = max_propagation_depth

        def _note(self, *words):
            with path.open("a", encoding="utf-8") as file:
                file.write(" ".join(map(str, words)) + "\n")

        def setup(self, estimator, context):  # noqa: ARG002 - the protocol of scikit-learn
            self._note("setup", type(estimator).__name__)

        def teardown(self, estimator, context):  # noqa: ARG002
            self._note("teardown", type(estimator).__name__)

        def on_fit_task_begin(self, estimator, context):
            self._note("begin", type(estimator).__name__, context.task_name, context.task_id)

        def on_fit_task_end(self, estimator, context):
            self._note("end", type(estimator).__name__, context.task_name, context.task_id)

    return Recorder()


def search_over(cycle, callback, n_jobs):
    """Search over two values of alpha, and refit: three fits of the pipeline."""
    pipe = Pipeline([("ace", ACETransformer(n_components=4)), ("rec", SASRecEstimator(**QUICK))])
    search = GridSearchCV(
        pipe,
        {"ace__alpha": [0.1, 1]},
        cv=LeaveLastOut(),
        scoring=ndcg_scorer(),
        n_jobs=n_jobs,
        error_score="raise",
    )
    return search.set_callbacks(callback).fit(cycle)


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.minutes)])
def test_progress_bar_on_a_search_shows_search_pipeline_and_model(
    cycle, n_jobs, capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "200")
    search_over(cycle, ProgressBar(max_propagation_depth=None), n_jobs)
    lines = capsys.readouterr().out.splitlines()
    shown = Counter(
        re.sub(r" #\d| +━.*", "", line).split(" | ")[-1].strip() for line in lines if "━" in line
    )
    assert shown["SASRecEstimator - fit"] == 3
    assert shown["ACETransformer - fit"] == 3
    assert shown["Pipeline - fit"] == 3
    assert shown["GridSearchCV - fit"] == 1
    assert all("100%" in line for line in lines if "SASRecEstimator" in line)


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.minutes)])
@pytest.mark.minutes
def test_callbacks_on_a_search_hear_of_every_epoch(cycle, n_jobs, tmp_path):
    path = tmp_path / "calls"
    search_over(cycle, recorder(path), n_jobs)
    calls = Counter(path.read_text(encoding="utf-8").splitlines())
    for number in range(N_EPOCHS):
        assert calls[f"begin SASRecEstimator epoch {number}"] == 3
        assert calls[f"end SASRecEstimator epoch {number}"] == 3
    assert sum(count for call, count in calls.items() if " epoch " in call) == 6 * N_EPOCHS


def test_calls_of_a_fit_are_nested(cycle, tmp_path):
    path = tmp_path / "calls"
    SASRecEstimator(**QUICK).set_callbacks(recorder(path)).fit(cycle)
    calls = [line.replace("SASRecEstimator ", "") for line in path.read_text().splitlines()]
    epochs = [f"{what} epoch {n}" for n in range(N_EPOCHS) for what in ("begin", "end")]
    assert calls == [
        "setup SASRecEstimator",
        "begin fit 0",
        *epochs,
        "end fit 0",
        "teardown SASRecEstimator",
    ]


@pytest.mark.parametrize("model", [PopularityEstimator(k=2), SASRecEstimator(**QUICK)])
def test_partial_fit_calls_back_too(cycle, model, tmp_path):
    path = tmp_path / "calls"
    model.fit(cycle).set_callbacks(recorder(path)).partial_fit(cycle)
    calls = path.read_text().splitlines()
    n_epochs = 0 if isinstance(model, PopularityEstimator) else 1
    assert sum(" epoch " in call for call in calls) == 2 * n_epochs
    assert calls[-1].startswith("teardown")


def test_callbacks_are_ended_when_a_fit_fails(cycle, tmp_path, monkeypatch):
    path = tmp_path / "calls"
    model = SASRecEstimator(**QUICK).set_callbacks(recorder(path))
    monkeypatch.setattr("skace._torch.training._trainer.Trainer.run_epoch", lambda _trainer: np.nan)
    with pytest.raises(FloatingPointError):
        model.fit(cycle)
    assert path.read_text().splitlines()[-1] == "teardown SASRecEstimator"
    assert not [name for name in vars(model) if "callback" in name and name != "_skl_callbacks"]


class StopAfter:
    """Callback that has seen enough after some epochs."""

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):  # noqa: ARG002 - the protocol
        return context.task_name == "epoch" and context.task_id + 1 == self.n_epochs


@pytest.mark.parametrize("n_epochs", [1, 2])
def test_a_callback_can_stop_a_fit(cycle, n_epochs):
    model = SASRecEstimator(**QUICK).set_callbacks(StopAfter(n_epochs)).fit(cycle)
    short = SASRecEstimator(**(QUICK | {"max_epochs": n_epochs})).fit(cycle)
    assert (model.n_iter_, model.best_epoch_) == (n_epochs, n_epochs)
    np.testing.assert_array_equal(model.item_vectors_, short.item_vectors_)


def test_a_stopped_fit_returns_to_its_best_epoch(cycle, scripted):
    scripted(0.3, 0.1, 0.2)
    parameters = QUICK | {"early_stopping": True, "n_iter_no_change": 9}
    model = SASRecEstimator(**parameters).set_callbacks(StopAfter(2)).fit(cycle)
    assert (model.n_iter_, model.best_epoch_) == (2, 1)


class NothingFitted(StopAfter):
    """Callback that does not ask for a fitted estimator."""


class Fitted(StopAfter):
    """Callback that does, and tries it out."""

    def __init__(self):
        super().__init__(99)
        self.scores = []

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        assert fitted_estimator is not estimator
        np.testing.assert_array_equal(y, X.items)
        self.scores.append((context.task_name, fitted_estimator.score(X)))


def test_fitted_copies_are_made_only_when_asked_for(cycle, monkeypatch):
    made, make = [], SASRecEstimator._fitted_state

    def state(model):
        made.append(1)
        return make(model)

    monkeypatch.setattr(SASRecEstimator, "_fitted_state", state)
    SASRecEstimator(**QUICK).set_callbacks(NothingFitted(99)).fit(cycle)
    assert made == []
    SASRecEstimator(**QUICK).set_callbacks(Fitted()).fit(cycle)
    assert len(made) == N_EPOCHS + 1


def test_fitted_copies_are_what_a_shorter_fit_gives(cycle):
    callback = Fitted()
    model = SASRecEstimator(**QUICK).set_callbacks(callback).fit(cycle)
    tasks, scores = zip(*callback.scores, strict=True)
    assert tasks == ("epoch",) * N_EPOCHS + ("fit",)
    expected = [
        SASRecEstimator(**(QUICK | {"max_epochs": n})).fit(cycle).score(cycle)
        for n in range(1, N_EPOCHS + 1)
    ]
    assert scores == pytest.approx([*expected, model.score(cycle)])


@pytest.mark.parametrize("model", [PopularityEstimator(k=2), SASRecEstimator(**QUICK)])
def test_scoring_monitor_logs(cycle, model):
    monitor = ScoringMonitor(scoring=ranking_scorer(["ndcg@10", "recall@1"]))
    model.set_callbacks(monitor).fit(cycle)
    rows = monitor.get_logs().data
    n_epochs = 0 if isinstance(model, PopularityEstimator) else N_EPOCHS
    assert Counter(row["task_name"] for row in rows) == Counter(fit=1, epoch=n_epochs)
    whole = next(row for row in rows if row["task_name"] == "fit")
    assert whole["ndcg@10"] == pytest.approx(model.score(cycle))
    assert 0 <= whole["recall@1"] <= 1


def test_callbacks_change_nothing(cycle, tmp_path):
    plain = SASRecEstimator(**QUICK).fit(cycle)
    watched = SASRecEstimator(**QUICK).set_callbacks(Fitted(), recorder(tmp_path / "calls"))
    np.testing.assert_array_equal(watched.fit(cycle).item_vectors_, plain.item_vectors_)


# verbose


@contextmanager
def as_set_up(logger, handlers, level):
    """Let a logger have these handlers and this level, and put back what it had."""
    before = logger.handlers, logger.level
    logger.handlers = handlers
    logger.setLevel(level)
    try:
        yield logger
    finally:
        logger.handlers = before[0]
        logger.setLevel(before[1])


@pytest.fixture
def logger():
    """Logger of the package as it is when nobody has touched it."""
    with as_set_up(logging.getLogger("skace"), [], logging.NOTSET) as logger:
        yield logger


@pytest.mark.usefixtures("logger")
@pytest.mark.parametrize("early_stopping", [False, True])
def test_verbose_logs_one_line_per_epoch(cycle, early_stopping, caplog, capsys):
    parameters = QUICK | {"early_stopping": early_stopping, "learning_rate": 1e-9}
    model = SASRecEstimator(verbose=True, **parameters).fit(cycle)
    lines = [record.getMessage() for record in caplog.records if record.name == "skace"]
    scores = model.validation_scores_ or [None] * model.n_iter_
    assert lines == [
        f"SASRecEstimator epoch {n}: loss {loss:.4f}"
        + ("" if score is None else f", validation NDCG@10 {score:.4f}")
        for n, (loss, score) in enumerate(zip(model.loss_curve_, scores, strict=True), start=1)
    ]
    assert {record.levelname for record in caplog.records} == {"INFO"}
    assert capsys.readouterr().out == ""


def test_silence_is_the_default(cycle, caplog):
    caplog.set_level(logging.DEBUG)
    SASRecEstimator(**QUICK).fit(cycle)
    assert [record for record in caplog.records if record.name.startswith("skace")] == []


LINE = "SASRecEstimator epoch 1: loss 2.0000"


def log_twice(handlers=()):
    """Log two lines in a process whose root logger has these handlers."""
    # Not in a fixture: pytest gives the root logger handlers of its own before each test.
    with as_set_up(logging.getLogger(), list(handlers), logging.WARNING):
        for _ in range(2):
            with visible_log(verbose=True):
                log_epoch("SASRecEstimator", 1, 2.0, None)


@pytest.mark.usefixtures("logger")
def test_lines_are_seen_once_each_where_nobody_has_set_up_logging(capsys):
    log_twice()
    seen = capsys.readouterr()
    assert (seen.out, seen.err.splitlines()) == ("", [LINE, LINE])


@pytest.mark.usefixtures("logger")
def test_lines_go_where_the_user_sends_them(capsys):
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(logging.Formatter("mine %(message)s"))
    log_twice([handler])
    assert handler.stream.getvalue().splitlines() == [f"mine {LINE}"] * 2
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("logger")
def test_a_set_up_after_a_verbose_fit_sees_each_line_once(capsys):
    log_twice()
    capsys.readouterr()
    handler = logging.StreamHandler(io.StringIO())
    log_twice([handler])
    assert handler.stream.getvalue().splitlines() == [LINE] * 2
    assert capsys.readouterr().err == ""
    assert logging.getLogger("skace").level == logging.NOTSET


def test_a_level_that_the_user_has_set_is_obeyed(logger, capsys):
    logger.setLevel(logging.WARNING)
    log_twice()
    assert capsys.readouterr().err == ""
