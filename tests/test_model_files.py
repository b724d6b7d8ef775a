"""Model files: they hold numbers and names only, need no list of types, and show tampering."""
# SPDX-License-Identifier: BSD-3-Clause

import errno
import importlib
import inspect
import io
import json
import os
import pickle
import re
import sys
import warnings
import zipfile
from hashlib import sha256

import numpy as np
import pytest
import scipy.sparse as sp
import skops.io
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.callback import ProgressBar
from sklearn.cluster import Birch
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

import skace
from skace import (
    ACETransformer,
    Catalog,
    EASEEstimator,
    Interactions,
    LeaveLastOut,
    OnItems,
    PopularityEstimator,
    SASRecEstimator,
    StackingRecommender,
    TemporalSplit,
    TextEncoder,
    VotingRecommender,
    WhiteningTransformer,
    embeddings,
    item_tables,
    losses,
    ndcg_scorer,
    ranking_scorer,
    recommenders,
)
from skace._moved import MOVED
from skace._whole_files import new_file_beside
from skace.embeddings import (
    ColumnSelector,
    FunctionModel,
    GlobalScaler,
    HttpModel,
    LocalModel,
    PreferenceTextEncoder,
    SAIDTextEncoder,
    SemanticIdEncoder,
)
from skace.item_tables import AlignedAdapter, NullSpaceTable
from skace.metrics import sampled_candidates_scorer
from skace.persistence import TRUSTED_TYPES, dump, load
from skace.testing._data import make_check_data

QUICK = {
    "k": 3,
    "n_layers": 1,
    "max_length": 6,
    "max_epochs": 1,
    "batch_size": 16,
    "embedding_dim": 8,
    "random_state": 0,
}
LOG = make_check_data().X_train


class OwnRecommender(PopularityEstimator):
    """A recommender that skace does not know."""


def exported(package):
    """Concrete estimators of a package that can be made without arguments."""
    found = {name: getattr(package, name) for name in package.__all__}
    return {
        name: cls
        for name, cls in found.items()
        if f"{cls.__module__}.{cls.__qualname__}" in TRUSTED_TYPES and not needs_arguments(cls)
    }


def needs_arguments(cls):
    """Whether a parameter has no default."""
    parameters = inspect.signature(cls).parameters.values()
    return any(parameter.default is parameter.empty for parameter in parameters)


def quick(cls):
    """Instance of a recommender that is fitted in no time."""
    known = cls().get_params()
    return cls(**{name: value for name, value in QUICK.items() if name in known})


def with_table(cls):
    """Recommender with an item table."""
    table = cls(**{AlignedAdapter: {"alpha": 0}, NullSpaceTable: {"id_dim": 4}}.get(cls, {}))
    return SASRecEstimator(item_table=table, **QUICK)


def search(estimator, grid, cv, scoring):
    return GridSearchCV(estimator, grid, cv=cv, scoring=scoring, refit=isinstance(cv, LeaveLastOut))


PIPE = Pipeline([("ace", ACETransformer(n_components=4)), ("rec", PopularityEstimator(k=3))])
MEMBERS = [("popular", PopularityEstimator(k=3)), ("pipe", PIPE), ("ease", EASEEstimator(k=3))]
GRID = {"ace__alpha": [0, 1.0]}
MODELS = {
    **{name: quick(cls) for name, cls in exported(recommenders).items()},
    **{name: with_table(cls) for name, cls in exported(item_tables).items()},
    **{
        name: quick(SASRecEstimator).set_params(loss=cls())
        for name, cls in exported(losses).items()
    },
    "ACETransformer": ACETransformer(n_components=4),
    "ColumnSelector": ColumnSelector(n_components=4),
    "GlobalScaler": GlobalScaler(),
    "SemanticIdEncoder": SemanticIdEncoder(2, random_state=0),
    "WhiteningTransformer": WhiteningTransformer(),
    "OnItems": OnItems(PCA(n_components=2, random_state=0)),
    "pipeline": PIPE,
    "vote": VotingRecommender(MEMBERS, k=3),
    "stack": StackingRecommender(MEMBERS, k=3),
    "stack by group": StackingRecommender(
        MEMBERS, k=3, learn_by="likelihood", history_edges=[2], popularity_edges=[2]
    ),
    "seeds": recommenders.SeedEnsemble(SASRecEstimator(**QUICK), n_members=2, k=3, snapshots=1),
    "diversified": recommenders.DiversifiedRecommender(PIPE, k=3),
    "search": search(PIPE, GRID, LeaveLastOut(), ndcg_scorer(k=3)),
    "search by time": search(PIPE, GRID, TemporalSplit(), ranking_scorer(["ndcg@3", "mrr"])),
    "search among few": search(
        PopularityEstimator(),
        {"k": [1, 2]},
        LeaveLastOut(),
        sampled_candidates_scorer("mrr@3", n_candidates=2),
    ),
}
UNFITTED = {  # what reads texts, which needs a model
    **{name: cls() for name, cls in exported(embeddings).items() if name not in MODELS},
    "GRAMTextEstimator": recommenders.GRAMTextEstimator("a-model"),
    "PreferenceTextEncoder": PreferenceTextEncoder(PopularityEstimator()),
    "SAIDTextEncoder": SAIDTextEncoder("a-model"),
    "TextEncoder of a server": TextEncoder(HttpModel("m", "http://127.0.0.1/v1", timeout=3)),
    # A function of numpy, which skops knows.
    "TextEncoder of a function": TextEncoder(FunctionModel(np.positive, revision="1")),
}


@pytest.fixture(scope="module")
def fitted():
    """Models by name, each fitted once when it is first asked for."""
    done = dict(UNFITTED)

    def get(name):
        if name not in done:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                done[name] = MODELS[name].fit(LOG)
        return done[name]

    return get


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skops"


@pytest.fixture
def file(path):
    """File of a model with a dense and a sparse array."""
    dump(EASEEstimator(k=3).fit(LOG), path)
    return path


def members_of(path):
    """Content of the members of an archive by name."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path, members, *, forge=False):
    """Archive of members; ``forge`` makes a new list of content, as an attacker would."""
    if forge:
        manifest = json.loads(members["skace.json"])
        names = [name for name in members if name != "skace.json"]
        manifest["sha256"] = {name: sha256(members[name]).hexdigest() for name in names}
        members = members | {"skace.json": json.dumps(manifest).encode()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


# What is in a file.


@pytest.mark.parametrize("name", [*MODELS, *UNFITTED])
def test_a_file_opens_without_a_list_of_types(fitted, name, path):
    model = fitted(name)
    loaded = load(path, sha256=dump(model, path))
    assert type(loaded) is type(model)
    assert repr(loaded) == repr(model)
    if name not in UNFITTED and hasattr(model, "predict"):
        histories = [["item-01", "item-02"], [], ["item-05"]]
        np.testing.assert_array_equal(loaded.predict(histories), model.predict(histories))
    elif hasattr(model, "n_features_in_"):
        features = LOG.catalog.features
        np.testing.assert_array_equal(loaded.transform(features), model.transform(features))


@pytest.mark.parametrize("name", [*MODELS, *UNFITTED])
def test_a_file_holds_no_pickle_and_no_user(fitted, name, path):
    dump(fitted(name), path)
    for member, content in members_of(path).items():
        if member.endswith(".npz"):
            arrays = dict(np.load(io.BytesIO(content), allow_pickle=False)).values()
        elif member.endswith(".npy"):
            arrays = [np.load(io.BytesIO(content), allow_pickle=False)]
        else:
            assert member in {"schema.json", "skace.json"}
            assert "user-" not in json.dumps(json.loads(content))
            arrays = []
        for array in arrays:
            assert array.dtype.kind in "biufUS"
            assert not (array.dtype.kind == "U" and np.strings.startswith(array, "user-").any())


def test_every_trusted_type_occurs_in_some_file(fitted):
    found = set()
    for name in [*MODELS, *UNFITTED]:
        found |= set(skops.io.get_untrusted_types(data=skops.io.dumps(fitted(name))))
    now = {name for name in TRUSTED_TYPES if name.rpartition(".")[0] not in MOVED}
    assert found == now


def test_old_names_of_trusted_types_lead_to_the_types():
    old = [name for name in TRUSTED_TYPES if name.rpartition(".")[0] in MOVED]
    assert len(old) > 10
    for name in old:
        module, _, cls = name.rpartition(".")
        assert f"{MOVED[module]}.{cls}" in TRUSTED_TYPES
        assert getattr(importlib.import_module(module), cls).__module__ == MOVED[module]


@pytest.mark.parametrize("name", TRUSTED_TYPES)
def test_trusted_types_come_from_skace_scipy_and_scikit_learn(name):
    assert name.split(".")[0] in {"skace", "scipy", "sklearn"}


@pytest.mark.parametrize("as_text", [False, True])
def test_the_size_of_a_file_is_that_of_the_parameters(path, as_text, random_state):
    rng = np.random.default_rng(random_state)
    numbers = rng.choice(10**9, size=5000, replace=False)
    ids = np.array([f"B{number:09d}" for number in numbers]) if as_text else numbers
    catalog = Catalog(ids, rng.standard_normal((5000, 64)).astype(np.float32))
    X = Interactions(np.repeat(np.arange(200), 6), rng.choice(ids, 1200), catalog=catalog)
    model = SASRecEstimator(max_epochs=1, max_length=6, early_stopping=False, random_state=0).fit(X)
    dump(model, path)
    states = [*model.encoder_state_.values(), *model.item_table_state_.values()]
    n_bytes = sum(array.nbytes for array in states)
    assert n_bytes < path.stat().st_size < 1.1 * n_bytes


def test_the_size_of_a_pipeline_is_that_of_components_moments_and_network(path, random_state):
    n_items, n_dims = 2000, 192
    rng = np.random.default_rng(random_state)
    features = rng.standard_normal((n_items, n_dims)).astype(np.float32)
    catalog = Catalog(np.arange(n_items), features)
    X = Interactions(
        np.repeat(np.arange(200), 6), rng.integers(n_items, size=1200), catalog=catalog
    )
    sasrec = SASRecEstimator(max_epochs=1, max_length=6, early_stopping=False, random_state=0)
    model = Pipeline([("ace", ACETransformer(n_components=32)), ("rec", sasrec)]).fit(X)
    dump(model, path)
    states = [*sasrec.encoder_state_.values(), *sasrec.item_table_state_.values()]
    network = sum(array.nbytes for array in states)
    components = model["ace"].components_.nbytes
    moments = 8 * n_dims * (n_dims + 1) // 2  # the triangle that is not empty
    assert path.stat().st_size == pytest.approx(components + moments + network, rel=0.1)
    # In memory and in a pickle there is the empty triangle, too.
    assert len(pickle.dumps(model["ace"])) == pytest.approx(components + 8 * n_dims**2, rel=0.1)


def test_the_size_of_a_small_file_is_that_of_its_headers(path):
    model = quick(SASRecEstimator).fit(LOG)
    dump(model, path)
    states = [*model.encoder_state_.values(), *model.item_table_state_.values()]
    n_bytes = sum(array.nbytes for array in states)
    assert 5_000 < path.stat().st_size - n_bytes < 15_000


def test_paths_among_parameters_are_written_as_text(tmp_path, path):
    dump(TextEncoder(LocalModel(tmp_path / "tower"), cache=tmp_path / "cache"), path)
    loaded = load(path)
    assert (loaded.encoder.model, loaded.cache) == (
        str(tmp_path / "tower"),
        str(tmp_path / "cache"),
    )


def test_callbacks_stay_with_the_model_and_out_of_the_file(path):
    inner = PopularityEstimator(k=2).set_callbacks(ProgressBar())
    pipe = Pipeline([("scale", GlobalScaler()), ("rec", inner)])
    dump(pipe, path)
    assert "callback" not in members_of(path)["schema.json"].decode()
    assert not hasattr(load(path)[-1], "_skl_callbacks")
    assert len(inner._skl_callbacks) == 1


# Writing.


def test_a_file_is_replaced_and_nothing_else_is_left(path):
    first = dump(PopularityEstimator(k=1), path)
    second = dump(PopularityEstimator(k=2), path)
    assert first != second
    assert load(path, sha256=second.upper()).k == 2
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_dump_leaves_the_old_file(path):
    dump(PopularityEstimator(k=1), path)
    with pytest.raises(TypeError, match="Objects of type Birch are not supported yet"):
        dump(OnItems(Birch()), path)
    assert load(path).k == 1


def test_what_stands_under_a_name_that_writing_could_use_is_left_alone(path):
    victim = path.with_name("victim")
    victim.write_text("mine")
    part = path.with_name(f"{path.name}.part")
    part.symlink_to(victim)
    dump(PopularityEstimator(k=1), path)
    assert victim.read_text() == "mine"
    assert load(path).k == 1
    assert {entry.name for entry in path.parent.iterdir()} == {path.name, part.name, "victim"}


def test_a_full_disk_leaves_the_old_file_and_nothing_else(path, monkeypatch):
    dump(PopularityEstimator(k=1), path)

    def full(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        dump(PopularityEstimator(k=2), path)
    assert list(path.parent.iterdir()) == [path]
    assert load(path).k == 1


def test_two_that_write_under_one_path_never_share_a_file(path):
    with new_file_beside(path) as (one, first), new_file_beside(path) as (other, second):
        first.write(b"a" * 10)
        second.write(b"b" * 5)
    assert (one.read_bytes(), other.read_bytes()) == (b"a" * 10, b"b" * 5)


def test_a_file_may_be_read_by_whom_the_system_allows(path):
    dump(PopularityEstimator(k=1), path)
    plain = path.with_name("plain")
    plain.write_bytes(b"")
    assert path.stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize("thing", [LOG, LOG.catalog, {"k": 1}, PopularityEstimator])
def test_dump_refuses_what_is_no_estimator(thing, path):
    with pytest.raises(TypeError, match=r"^estimator must be an estimator, got \w+; logs and cat"):
        dump(thing, path)
    assert not path.exists()


# Reading what was changed.


def without_an_array(members):
    del members[next(name for name in members if name.endswith(".npy"))]


def with_another_member(members):
    members["extra.npy"] = b""


def with_another_parameter(members):
    members["schema.json"] = members["schema.json"].replace(b'"k"', b'"j"', 1)


def with_another_array(members):
    name = next(name for name in members if name.endswith(".npy"))
    members[name] = members[name][:-1] + bytes([members[name][-1] ^ 1])


def of_a_newer_format(members):
    manifest = json.loads(members["skace.json"]) | {"format": 2}
    members["skace.json"] = json.dumps(manifest).encode()


def by_something_else(members):
    del members["skace.json"]


def with_nonsense_for_a_list(members):
    members["skace.json"] = b"[]"


CHANGES = {
    without_an_array: r"it was changed after it was written: missing '\d+\.npy', added nothing\. F",
    with_another_member: r"it was changed .*: missing nothing, added 'extra\.npy'\. Fetch it again",
    with_another_parameter: r"schema\.json was changed after it was written\. Fetch the file again",
    with_another_array: r"\d+\.npy was changed after it was written\. Fetch the file again from wh",
    of_a_newer_format: r"it was written by skace \S+ in a newer format; update skace\.$",
    by_something_else: r"it was not written by skace\.persistence\.dump; open other skops files wi",
    with_nonsense_for_a_list: r".*indices must be integers",
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_changed_file_is_refused(file, change):
    members = members_of(file)
    change(members)
    write(file, members)
    with pytest.raises(ValueError, match=rf"model\.skops cannot be opened: {CHANGES[change]}"):
        load(file)


def test_a_member_that_occurs_twice_is_refused(file):
    schema = members_of(file)["schema.json"]
    with (
        zipfile.ZipFile(file, "a") as archive,
        pytest.warns(UserWarning, match="Duplicate name: 'schema.json'"),
    ):
        archive.writestr("schema.json", schema)
    with pytest.raises(ValueError, match="it was changed after it was written"):
        load(file)


def point_root_to(members, module, name):
    schema = json.loads(members["schema.json"])
    members["schema.json"] = json.dumps(schema | {"__module__": module, "__class__": name}).encode()


def add_function(members):
    schema = json.loads(members["schema.json"])
    schema["content"]["content"]["k"] = {
        "__class__": "function",
        "__module__": "builtins",
        "__loader__": "FunctionNode",
        "content": {"module_path": "os", "function": "system"},
    }
    members["schema.json"] = json.dumps(schema).encode()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda members: point_root_to(members, "antigravity", "Fly"), r"'antigravity\.Fly'"),
        (lambda members: point_root_to(members, "os", "system"), r"'os\.system'"),
        (lambda members: point_root_to(members, "skace.data", "Catalog"), r"'skace\.data\.Cat"),
        (add_function, r".*'os\.system'|.*'builtins\.function'"),
    ],
)
def test_a_type_of_elsewhere_is_refused_even_if_the_list_of_content_is_forged(file, change, named):
    members = members_of(file)
    change(members)
    write(file, members, forge=True)
    with pytest.raises(ValueError, match=rf"it holds \d type\(s\) that are not trusted: {named}"):
        load(file)
    assert "antigravity" not in sys.modules


def test_indices_that_point_outside_of_a_matrix_are_refused(file):
    members = members_of(file)
    name = next(name for name in members if name.endswith(".npz"))
    matrix = sp.load_npz(io.BytesIO(members[name]))
    matrix.indices[0] = 10**6
    buffer = io.BytesIO()
    sp.save_npz(buffer, matrix)
    write(file, members | {name: buffer.getvalue()}, forge=True)
    with pytest.raises(ValueError, match=r"cannot be opened: .*ind(ex|ices)"):
        load(file)


def test_an_array_with_python_objects_is_refused(file):
    members = members_of(file)
    name = next(name for name in members if name.endswith(".npy"))
    buffer = io.BytesIO()
    np.save(buffer, np.array([print], dtype=object), allow_pickle=True)
    write(file, members | {name: buffer.getvalue()}, forge=True)
    with pytest.raises(ValueError, match="Object arrays cannot be loaded when allow_pickle=False"):
        load(file)


def test_a_file_of_something_else_than_an_estimator_is_refused(file):
    members = members_of(file)
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps([1, 2]))) as archive:
        schema = archive.read("schema.json")
    write(file, {"schema.json": schema, "skace.json": members["skace.json"]}, forge=True)
    with pytest.raises(ValueError, match="it holds a list, not an estimator"):
        load(file)


def test_another_file_is_refused_by_its_hash(file, tmp_path):
    wanted = dump(PopularityEstimator(), tmp_path / "other.skops")
    with pytest.raises(ValueError, match="has another sha256 than the one given: it is not the fi"):
        load(file, sha256=wanted)


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    """Path and content of the file of a small model, and its answers."""
    path = tmp_path_factory.mktemp("small") / "model.skops"
    model = PopularityEstimator(k=3).fit(LOG)
    dump(model, path)
    return path, path.read_bytes(), model.predict([[]])


@given(data=st.data())
def test_a_file_that_was_cut_is_refused(small_file, data):
    path, content, _ = small_file
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(ValueError, match="cannot be opened"):
        load(path)


@given(data=st.data())
def test_a_changed_byte_is_noticed_or_has_no_effect(small_file, data):
    path, content, answer = small_file
    place = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(changed)
    try:
        loaded = load(path)
    except ValueError as error:
        assert "cannot be opened" in str(error)  # noqa: PT017 - either way is fine
    else:  # for instance a time of day in a header
        np.testing.assert_array_equal(loaded.predict([[]]), answer)


# Other types, versions, machines.


def test_a_recommender_of_ones_own_opens_when_it_is_named(path):
    dump(OwnRecommender(k=2), path)
    name = f"{OwnRecommender.__module__}.OwnRecommender"
    with pytest.raises(ValueError, match="If you know them and made the file yourself, pass trust"):
        load(path)
    assert isinstance(load(path, trusted=[name]), OwnRecommender)
    assert isinstance(load(path, trusted=name), OwnRecommender)


def test_skops_itself_opens_a_file_with_the_list_of_types(file):
    loaded = skops.io.load(file, trusted=TRUSTED_TYPES)
    np.testing.assert_array_equal(loaded.predict([["item-01"]]), load(file).predict([["item-01"]]))


def test_another_version_is_told(file, monkeypatch):
    version = skace.__version__
    monkeypatch.setattr(skace, "__version__", "77.0")
    text = f"was written by skace {version}, this is 77.0; check its answers on rows of which"
    with pytest.warns(UserWarning, match=re.escape(text)):
        load(file)


@pytest.mark.parametrize("use", [lambda path: dump(PopularityEstimator(), path), load])
def test_without_skops_it_is_said_what_to_install(use, path, monkeypatch):
    monkeypatch.setitem(sys.modules, "skops", None)
    with pytest.raises(ImportError, match=r"needs skops, .* Install it with 'pip install skops'\."):
        use(path)


@pytest.mark.cuda
def test_a_file_from_a_gpu_holds_numpy_arrays_that_answer_alike_on_a_cpu(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = SASRecEstimator(device="cuda", **QUICK).fit(LOG)
    dump(model, path)
    loaded = load(path).set_params(device="cpu")
    assert isinstance(loaded, BaseEstimator)
    histories = [["item-01"], ["item-02", "item-05"]]
    expected = model.decision_function(histories)
    np.testing.assert_allclose(loaded.decision_function(histories), expected, atol=1e-4)
