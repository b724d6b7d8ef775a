"""TextEncoder: encodes once, remembers, says where vectors come from."""
# SPDX-License-Identifier: BSD-3-Clause

import logging
import pickle
import re
import signal
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils import estimator_checks

import skace
from skace import (
    ACETransformer,
    Catalog,
    Interactions,
    LeaveLastOut,
    SASRecEstimator,
    ndcg_scorer,
)
from skace.embeddings import FunctionModel, HttpModel, LocalModel, TextEncoder
from skace.embeddings.text import _core as _text_core

TEXTS = ["a red pen", "a bead", "an ace"]
LETTERS = "abcdefgh"


def count_letters(texts):
    """Encoder whose vectors anyone can check."""
    CALLS.append(list(texts))
    return [[float(text.count(letter)) for letter in LETTERS] for text in texts]


CALLS = []


@pytest.fixture(autouse=True)
def no_memory():
    """Each test begins without vectors of the one before."""
    _text_core._MEMORY.clear()
    CALLS.clear()


def _encoder(*, name=None, revision=None, **changes):
    """Encoder by `count_letters`, under a name and a version."""
    model = FunctionModel(count_letters, name=name, revision=revision)
    return TextEncoder(**{"encoder": model, "normalize": False} | changes)


def _counts(texts):
    return np.array([[text.count(letter) for letter in LETTERS] for text in texts], np.float32)


def _n_encoded():
    return sum(map(len, CALLS))


def _shop(features, **settings):
    catalog = Catalog([6, 7, 8], features, **settings)
    return Interactions(["al"] * 3, [7, 6, 8], catalog=catalog)


@pytest.mark.parametrize(
    "X",
    [
        TEXTS,
        np.array(TEXTS),
        pd.Series(TEXTS),
        pd.DataFrame({"title": TEXTS}),
        pl.DataFrame({"title": TEXTS, "item_id": ["x", "y", "z"]}),
        pa.table({"title": TEXTS}),
    ],
    ids=lambda X: type(X).__module__.split(".")[0],
)
def test_texts_in_any_form_become_float32_vectors(X):
    found = _encoder().fit_transform(X)
    assert found.dtype == np.float32
    assert_array_equal(found, _counts(TEXTS))


@pytest.mark.parametrize(
    "features", [TEXTS, pd.DataFrame({"t": TEXTS}), pl.DataFrame({"t": TEXTS})]
)
def test_the_catalog_gets_vectors_in_place_of_texts(features):
    X = _shop(features)
    found = _encoder().fit_transform(X)
    assert_array_equal(found.catalog.features, _counts(TEXTS))
    assert found._log is X._log
    assert_array_equal(found.items, X.items)


def test_where_vectors_come_from_travels_on_the_catalog(monkeypatch):
    monkeypatch.setattr("skace.embeddings.text._cache._today", lambda: "2026-03-04")
    X = _shop(TEXTS, provenance={"data": "A shop"})
    pipe = Pipeline(
        [
            ("text", _encoder(name="letters", revision="7", prompt="x: ", truncate_dim=5)),
            ("ace", ACETransformer(n_components=2)),
        ]
    )
    assert pipe.fit_transform(X).catalog.provenance == {
        "data": "A shop",
        "model": "letters",
        "revision": "7",
        "encoder": "callable",
        "template": "{values}",
        "fields": "text",
        "prompt": "x: ",
        "normalize": "False",
        "truncate_dim": "5",
        "dtype": "float32",
        "date": "2026-03-04",
    }


FRAME = pd.DataFrame(
    {
        "item_id": ["i1", "i2", "i3"],
        "title": ["abc", "bad", ""],
        "brand": ["h", None, "gg"],
    }
)


@pytest.mark.parametrize(
    ("parameters", "texts"),
    [
        ({}, ["abc. h", "bad", "gg"]),
        ({"fields": ["brand", "title"]}, ["h. abc", "bad", "gg"]),
        ({"template": "{fields}"}, ["title: abc; brand: h;", "title: bad;", "brand: gg;"]),
        (
            {"template": "Sold by us. {values}"},
            [f"Sold by us. {t}" for t in ("abc. h", "bad", "gg")],
        ),
        ({"fields": ["item_id"]}, ["i1", "i2", "i3"]),
        ({"fields": "item_id"}, ["i1", "i2", "i3"]),
        ({"prompt": "q: "}, ["q: abc. h", "q: bad", "q: gg"]),
    ],
)
def test_texts_are_made_as_fields_and_template_say(parameters, texts):
    _encoder(**parameters).fit(FRAME)
    (call,) = CALLS
    assert call == texts


def test_new_items_are_read_from_the_columns_of_the_fit():
    encoder = _encoder().fit(FRAME)
    assert encoder.fields_ == ["title", "brand"]
    new = pd.DataFrame({"brand": ["b"], "price": ["c"], "title": ["a"]})
    assert_array_equal(encoder.transform(new), _counts(["a. b"]))
    with pytest.raises(ValueError, match=r"^fields must name columns of X"):
        encoder.transform(pd.DataFrame({"name": ["a"]}))
    with pytest.raises(ValueError, match=r"^fields=\['title', 'brand'\] needs a frame"):
        encoder.transform(["a"])


def test_a_column_and_a_list_are_the_same_to_an_encoder_of_one_field():
    encoder = _encoder(fields=["title"]).fit(FRAME[:2])
    assert_array_equal(encoder.transform(["abc"]), encoder.transform(FRAME[:1]))


# Encoding once.


def test_equal_texts_are_encoded_once():
    encoder = _encoder().fit(["b", "a", "b", "a", "b"])
    assert CALLS == [["b", "a"]]
    assert encoder.n_encoded_ == 2


@pytest.mark.parametrize("batch_size", [1, 2, 3, 50])
def test_batches_have_the_size_that_was_asked_for(batch_size):
    texts = [f"text {n}" for n in range(7)]
    found = _encoder(batch_size=batch_size).fit_transform(texts)
    assert_array_equal(found, _counts(texts))
    assert [text for call in CALLS for text in call] == texts
    assert {len(call) for call in CALLS[:-1]} <= {batch_size}


@pytest.mark.parametrize("with_cache", [True, False])
def test_only_new_texts_are_encoded(tmp_path, with_cache):
    cache = tmp_path if with_cache else None
    encoder = _encoder(cache=cache, revision="1").fit(TEXTS)
    again = _encoder(cache=cache, revision="1").fit([*TEXTS, "new"])
    assert (encoder.n_encoded_, again.n_encoded_) == (3, 1)
    assert CALLS == [TEXTS, ["new"]]
    assert_array_equal(again.transform(["newer", *TEXTS]), _counts(["newer", *TEXTS]))
    assert CALLS[2:] == [["newer"]]


@pytest.mark.parametrize("with_cache", [True, False])
def test_a_grid_of_twenty_fits_encodes_once(tmp_path, with_cache):
    rng = np.random.default_rng(0)
    catalog = Catalog(np.arange(12), ["".join(rng.choice(list(LETTERS), 6)) for _ in range(12)])
    X = Interactions(np.repeat(np.arange(10), 6), rng.integers(12, size=60), catalog=catalog)
    recommender = SASRecEstimator(
        k=2, n_heads=1, n_layers=1, max_epochs=1, early_stopping=False, random_state=0
    )
    pipe = Pipeline(
        [
            ("text", _encoder(cache=tmp_path if with_cache else None, revision="1")),
            ("ace", ACETransformer(n_components=4)),
            ("rec", recommender),
        ]
    )
    grid = {
        "ace__alpha": [0.1, 1, 10],
        "text__normalize": [True, False],
        "text__truncate_dim": [6, 8, None],
    }
    search = GridSearchCV(pipe, grid, cv=LeaveLastOut(), scoring=ndcg_scorer(k=2)).fit(X)
    assert len(search.cv_results_["params"]) == 18
    assert _n_encoded() == 12
    assert search.predict([[3, 5]]).shape == (1, 2)
    assert search.predict(X.next_queries()).shape == (10, 2)
    assert _n_encoded() == 12


@pytest.mark.parametrize(
    ("change", "encodes"),
    [
        ({"normalize": True}, False),
        ({"truncate_dim": 2}, False),
        ({"batch_size": 1}, False),
        ({"template": "{text}"}, False),
        ({"template": "<{text}>"}, True),
        ({"prompt": "q: "}, True),
        ({"revision": "2"}, True),
        ({"name": "other"}, True),
    ],
)
def test_what_a_vector_depends_on_decides_whether_it_is_known(tmp_path, change, encodes):
    _encoder(cache=tmp_path, revision="1").fit(TEXTS)
    again = _encoder(**{"cache": tmp_path, "revision": "1"} | change).fit(TEXTS)
    assert again.n_encoded_ == (3 if encodes else 0)


def test_two_functions_of_one_name_are_not_mixed_up():
    def make(factor):
        return lambda texts: [[factor, len(text)] for text in texts]

    first, second = make(1.0), make(2.0)
    one = TextEncoder(encoder=first, normalize=False).fit(TEXTS)
    two = TextEncoder(encoder=second, normalize=False).fit(TEXTS)
    assert one.transform(TEXTS)[0].tolist() == [1, 9]
    assert two.transform(TEXTS)[0].tolist() == [2, 9]


def test_a_cache_for_a_function_needs_a_name_for_its_version(tmp_path):
    expected = r"^cache needs a revision when encoder is a function: what it does cannot be seen"
    with pytest.raises(ValueError, match=expected):
        _encoder(cache=tmp_path).fit(TEXTS)
    assert not list(tmp_path.iterdir())


KILLED = """
    import os, signal, sys
    sys.path.insert(0, sys.argv[2])
    from skace.embeddings import FunctionModel, TextEncoder
    n_calls = 0
    def encode(texts):
        global n_calls
        n_calls += 1
        if n_calls == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return [[len(text), 1.0] for text in texts]
    texts = [f"text number {n}" for n in range(20)]
    model = FunctionModel(encode, name="m", revision="1")
    encoder = TextEncoder(model, cache=sys.argv[1], batch_size=3)
    encoder.fit(texts)
"""


def test_a_run_that_was_killed_is_gone_on_with(tmp_path):
    root = str(Path(skace.__file__).parents[1])
    code = textwrap.dedent(KILLED)
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path), root], check=False)
    assert run.returncode == -signal.SIGKILL

    def encode(texts):
        CALLS.append(list(texts))
        return [[len(text), 1.0] for text in texts]

    texts = [f"text number {n}" for n in range(20)]
    model = FunctionModel(encode, name="m", revision="1")
    encoder = TextEncoder(model, cache=tmp_path, normalize=False)
    found = encoder.fit_transform(texts)
    (call,) = CALLS
    assert call == texts[9:]
    assert_array_equal(found, [[len(text), 1.0] for text in texts])


def test_a_failure_keeps_what_came_before(tmp_path):
    def fail_at_the_third(texts):
        if len(CALLS) == 2:
            raise RuntimeError("out of memory")
        return count_letters(texts)

    texts = ["a", "b", "c", "d", "e"]
    model = FunctionModel(fail_at_the_third, name="m", revision="1")
    broken = TextEncoder(model, cache=tmp_path, batch_size=2)
    with pytest.raises(RuntimeError, match="out of memory"):
        broken.fit(texts)
    with pytest.raises(NotFittedError):
        broken.transform(texts)
    whole = broken.set_params(encoder__function=count_letters).fit(texts)
    assert whole.n_encoded_ == 1


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.minutes)])
@pytest.mark.minutes
def test_processes_share_the_cache(tmp_path, n_jobs):
    joblib = pytest.importorskip("joblib")

    def encode_in_a_worker(number):
        from skace.embeddings import FunctionModel, TextEncoder

        def encode(texts):
            return [[len(text), 1.0] for text in texts]

        encode.__qualname__ = "encode"
        model = FunctionModel(encode, revision="1")
        encoder = TextEncoder(model, cache=tmp_path, normalize=False)
        return encoder.fit(["a", "bb", "ccc"]).n_encoded_ + 0 * number

    counts = joblib.Parallel(n_jobs=n_jobs)(joblib.delayed(encode_in_a_worker)(n) for n in range(4))
    assert sorted(counts) == [0, 0, 0, 3]


# What comes out.


def test_vectors_are_cut_before_they_are_scaled():
    found = _encoder(truncate_dim=2, normalize=True).fit_transform(["aaabbbbcccc"])
    assert_allclose(found, [[0.6, 0.8]], rtol=1e-6)


def test_a_zero_vector_stays_zero():
    assert_array_equal(_encoder(normalize=True).fit_transform(["zzz", "a"])[0], np.zeros(8))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    texts=st.lists(
        st.text("abcdefgh ", min_size=1, max_size=6).filter(str.strip), min_size=1, max_size=12
    ),
    order=st.randoms(use_true_random=False),
)
def test_a_vector_depends_on_its_text_only(texts, order):
    shuffled = list(texts)
    order.shuffle(shuffled)
    encoder = _encoder(normalize=True, batch_size=3).fit(shuffled)
    whole = encoder.transform(texts)
    one_by_one = np.vstack([encoder.transform([text]) for text in texts])
    assert_array_equal(whole, one_by_one)


@pytest.mark.parametrize("with_cache", [True, False])
def test_large_matrices_stay_on_disk_if_there_is_a_cache(tmp_path, monkeypatch, with_cache):
    monkeypatch.setattr(_text_core, "_MEMMAP_BYTES", 10)
    X = _shop(TEXTS)
    encoder = _encoder(cache=tmp_path if with_cache else None, revision="1", normalize=True)
    vectors = encoder.fit_transform(X).catalog.features
    assert isinstance(vectors, np.memmap) == with_cache
    expected = _counts(TEXTS)
    assert_allclose(vectors, expected / np.linalg.norm(expected, axis=1, keepdims=True), rtol=1e-6)
    raw = clone(encoder).set_params(normalize=False).fit_transform(X).catalog.features
    assert_array_equal(raw, expected)


def test_a_matrix_on_disk_is_written_once(tmp_path, monkeypatch):
    monkeypatch.setattr(_text_core, "_MEMMAP_BYTES", 10)
    encoder = _encoder(cache=tmp_path, revision="1").fit(TEXTS)
    first = encoder.transform(TEXTS)
    second = encoder.transform(TEXTS)
    assert first.filename == second.filename
    assert encoder.transform(TEXTS[::-1]).filename != first.filename


# Items without text.

GAPS = pd.DataFrame({"title": ["aab", "", "b", None], "brand": ["", " ", None, ""]})


def test_items_without_text_are_refused_by_name():
    catalog = Catalog([60, 70, 80, 90], GAPS)
    X = Interactions(["al", "al"], [60, 70], catalog=catalog)
    expected = (
        r"^2 item\(s\) have no text in 'title', 'brand': 70, 90\. Give them one, or pass "
        r"missing='mean' or missing='zero'\.$"
    )
    encoder = _encoder()
    with pytest.raises(ValueError, match=expected):
        encoder.fit(X)
    with pytest.raises(ValueError, match=r"^2 row\(s\) have no text .*: 1, 3\."):
        encoder.fit(GAPS)
    assert CALLS == []
    encoder.fit(["a"])
    with pytest.raises(ValueError, match=r"^1 row\(s\) have no text in 'text': 1\."):
        encoder.transform(["a", ""])


@pytest.mark.parametrize(
    ("missing", "normalize", "expected"),
    [
        ("zero", False, [0, 0]),
        ("mean", False, [1, 1]),
        ("mean", True, [0.525731, 0.850651]),
    ],
)
def test_items_without_text_are_filled_in(missing, normalize, expected):
    encoder = _encoder(missing=missing, normalize=normalize, truncate_dim=2)
    found = encoder.fit_transform(GAPS)
    assert_allclose(found[[1, 3]], [expected] * 2, rtol=1e-5)
    assert CALLS == [["aab", "b"]]
    # New items without text get the mean of the fit, not of each other.
    assert_allclose(encoder.transform(GAPS[1:2]), [expected], rtol=1e-5)


@pytest.mark.parametrize("missing", ["mean", "zero"])
def test_a_fit_without_any_text_is_refused(missing):
    with pytest.raises(ValueError, match=r"^no item has a text; there is nothing to encode\.$"):
        _encoder(missing=missing).fit(["", " "])


# What an encoder may not return.


@pytest.mark.parametrize(
    ("returned", "finding"),
    [
        ([[1.0]], r"returned an array of shape \(1, 1\) for 3 texts; expected one row per text"),
        ([1.0, 2.0, 3.0], r"returned an array of shape \(3,\)"),
        (np.zeros((3, 0)), r"returned an array of shape \(3, 0\)"),
        (
            [[1.0], [np.nan], [np.inf]],
            r"returned NaN or infinity for 2 text\(s\), first for 'a bead'; try",
        ),
    ],
)
def test_bad_vectors_are_refused_and_not_stored(tmp_path, returned, finding):
    encoder = TextEncoder(FunctionModel(lambda _: returned, revision="1"), cache=tmp_path)
    with pytest.raises(ValueError, match=f"^the encoder {finding}"):
        encoder.fit(TEXTS)
    assert not list(tmp_path.rglob("*.keys"))


def test_more_numbers_than_a_vector_has_are_refused():
    with pytest.raises(ValueError, match=r"^truncate_dim=9 exceeds the 8 numbers of a vector\.$"):
        _encoder(truncate_dim=9).fit(TEXTS)


# Parameters and scikit-learn.


@pytest.mark.parametrize(
    ("parameters", "finding"),
    [
        ({"template": "{"}, r"^template='{' is malformed"),
        ({"missing": "drop"}, r"^The 'missing' parameter of TextEncoder must be a str among"),
        (
            {"batch_size": 0},
            r"^The 'batch_size' parameter of TextEncoder must be an int in the range",
        ),
        ({"truncate_dim": 0}, r"^The 'truncate_dim' parameter of TextEncoder"),
        ({"encoder": 7}, r"^The 'encoder' parameter of TextEncoder must be an instance of"),
        ({"encoder": HttpModel}, r"^encoder is the class HttpModel; pass an instance, HttpModel"),
        (
            {"encoder": LocalModel(precision="int8")},
            r"^The 'precision' parameter of LocalModel must be a str among",
        ),
        ({"encoder": LocalModel(7)}, r"^The 'model' parameter of LocalModel"),
        (
            {"encoder": HttpModel("m", "http://h", timeout=0)},
            r"^The 'timeout' parameter of HttpModel must be a float in the range \(0",
        ),
        ({"encoder": HttpModel(None, "http://h")}, r"^The 'model' parameter of HttpModel must be"),
        ({"encoder": FunctionModel("name")}, r"^The 'function' parameter of FunctionModel must be"),
    ],
)
def test_parameters_that_make_no_sense_are_refused_before_any_work(parameters, finding):
    with pytest.raises(ValueError, match=finding):
        _encoder(**parameters).fit(TEXTS)
    assert CALLS == []


@pytest.mark.parametrize(
    ("X", "finding"),
    [
        (np.eye(3), r"^X must hold texts"),
        ([], r"^X holds no texts; there is nothing to encode\.$"),
        (
            _shop(np.eye(3)),
            r"^X\.catalog\.features are numbers of shape \(3, 3\), but TextEncoder reads",
        ),
        (_shop(None), r"^X\.catalog has no features for TextEncoder to act on"),
    ],
)
def test_what_holds_no_texts_is_refused(X, finding):
    with pytest.raises(ValueError, match=finding):
        _encoder().fit(X)


def test_sequences_of_ids_go_on_to_the_recommender():
    encoder = _encoder().fit(_shop(TEXTS))
    histories = [[7, 8], []]
    assert encoder.transform(histories) is histories


def test_columns_have_names():
    encoder = _encoder(truncate_dim=2).fit(TEXTS)
    assert encoder.get_feature_names_out().tolist() == ["textencoder0", "textencoder1"]
    framed = encoder.set_output(transform="pandas").transform(TEXTS)
    assert list(framed.columns) == ["textencoder0", "textencoder1"]
    assert_array_equal(encoder.transform(_shop(TEXTS)).catalog.features, _counts(TEXTS)[:, :2])


def test_an_encoder_has_to_be_fitted():
    with pytest.raises(NotFittedError):
        _encoder().transform(TEXTS)


@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
        estimator_checks.check_mixin_order,
        estimator_checks.check_estimator_tags_renamed,
        estimator_checks.check_valid_tag_types,
        estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
    ],
    ids=lambda check: check.__name__,
)
def test_checks_of_scikit_learn_that_need_no_numbers_pass(check):
    check("TextEncoder", TextEncoder())


def test_a_pickle_holds_no_texts_and_no_vectors():
    encoder = _encoder(revision="1").fit(["a very special text", "ab"])
    content = pickle.dumps(encoder)
    assert b"special" not in content
    assert len(content) < 5000
    _text_core._MEMORY.clear()
    opened = pickle.loads(content)
    assert_array_equal(opened.transform(["ab"]), _counts(["ab"]))


def test_a_fitted_encoder_whose_function_was_exchanged_goes_on_with_the_old_one():
    encoder = _encoder().fit(TEXTS)
    encoder.set_params(encoder=lambda texts: [[0.0] * 8 for _ in texts])
    assert_array_equal(encoder.transform(["new"]), _counts(["new"]))


def test_an_opened_encoder_of_another_version_says_so():
    content = pickle.dumps(_encoder(revision="1").fit(TEXTS))
    opened = pickle.loads(content).set_params(encoder__revision="2")
    expected = r"^the encoder is not the fitted one any more \(revision changed\), so that new vec"
    with pytest.raises(ValueError, match=expected):
        opened.transform(["new"])


# Progress.


def test_callbacks_see_every_chunk():
    seen = []

    class Recorder:
        def setup(self, estimator, context):  # noqa: ARG002 - the protocol of scikit-learn
            seen.append("setup")

        def teardown(self, estimator, context):  # noqa: ARG002
            seen.append("teardown")

        def on_fit_task_begin(self, estimator, context, *, X):  # noqa: ARG002
            assert X is TEXTS
            seen.append(f"begin {context.task_name} of {context.max_subtasks}")

        def on_fit_task_end(self, estimator, context, *, X):  # noqa: ARG002
            assert X is TEXTS
            seen.append(f"end {context.task_name}")

    encoder = _encoder(batch_size=2).set_callbacks(Recorder())
    encoder.fit(TEXTS)
    part = ["begin texts of 0", "end texts"]
    assert seen == ["setup", "begin fit of 2", *part, *part, "end fit", "teardown"]
    seen.clear()
    encoder.fit(TEXTS)
    assert seen == ["setup", "begin fit of 0", "end fit", "teardown"]


def test_callbacks_are_not_called_by_transform_but_the_logger_is(caplog):
    class Refusing:
        is_armed = False

        def _refuse(self, *args, **kwargs):  # noqa: ARG002 - the protocol of scikit-learn
            assert not self.is_armed

        setup = teardown = on_fit_task_begin = on_fit_task_end = _refuse

    encoder = _encoder(batch_size=2).set_callbacks(Refusing()).fit(TEXTS)
    Refusing.is_armed = True
    with caplog.at_level(logging.INFO, logger="skace"):
        encoder.transform(["new", "newer", "newest"])
    assert caplog.messages == ["TextEncoder: 2 of 3 texts", "TextEncoder: 3 of 3 texts"]
    assert "scikit-learn calls callbacks in ``fit`` only" in " ".join(TextEncoder.__doc__.split())


def test_what_draws_the_progress_bar_can_be_installed_by_the_name_in_the_docstring():
    assert "pip install rich" in TextEncoder.__doc__
    project = Path(skace.__file__).parents[1] / "pyproject.toml"
    extras = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert extras["progress"] == ["rich>=13.0"]


def test_the_progress_bar_of_scikit_learn_shows(capsys):
    _encoder(batch_size=1).set_callbacks(ProgressBar()).fit(TEXTS)
    assert "TextEncoder - fit" in re.sub(r"\s+", " ", capsys.readouterr().out)


def test_progress_is_logged(caplog):
    with caplog.at_level(logging.INFO, logger="skace"):
        _encoder(batch_size=2).fit(TEXTS).transform(["new"])
    assert caplog.messages == [
        "TextEncoder: 2 of 3 texts",
        "TextEncoder: 3 of 3 texts",
        "TextEncoder: 1 of 1 texts",
    ]
