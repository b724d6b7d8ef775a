"""Model files that somebody changed, list of content included, are refused and crash nothing."""
# SPDX-License-Identifier: BSD-3-Clause

import io
import json
import runpy
import warnings
import zipfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from skace import Catalog, Interactions
from skace.persistence import load

FILES = Path(__file__).parent / "files"
OF_TEXTS = FILES / "format1_texts.zip"
ARCHIVES = {path: zipfile.ZipFile(path) for path in sorted(FILES.glob("*.zip"))}
STORED = {
    name: archive.read(name)
    for archive in ARCHIVES.values()
    for name in archive.namelist()
    if name.endswith(", fitted.skops")
}
FITTED = [name for name in STORED if name not in ARCHIVES[OF_TEXTS].namelist()]
READING = [name for name in STORED if name not in FITTED]  # whose use takes a language model
# What scikit-learn learned, parameters that were fitted themselves, what no answer depends on, and
# what may have any length: ids may have more levels than the tree, and levels any number of codes.
LEFT_OUT = (
    "cv_results_",
    "best_index_",
    "best_score_",
    "transformer_",
    "/semantic_ids_/content/content/steps/content/1/",
    "/feature_sample_",
    "/codebooks_/",
    "/inertia_",
    "/content/content/estimator/",
    "/content/content/estimators/",
    "/content/content/item_table/",
)


@pytest.fixture(scope="module")
def X():
    """Log of the fits."""
    return runpy.run_path(str(FILES / "write_files.py"))["data"]()


@pytest.fixture
def X_of_texts(X, tmp_path, monkeypatch):
    """The same log with texts, where the files of what reads texts find their models."""
    pytest.importorskip("sentence_transformers")
    with zipfile.ZipFile(OF_TEXTS) as archive:
        archive.extractall(tmp_path, [n for n in archive.namelist() if "models/" in n])
        texts = json.loads(archive.read("texts.json"))
    monkeypatch.chdir(tmp_path)
    return Interactions(X.users, X.items, X.timestamps, catalog=Catalog(X.catalog.item_ids, texts))


class File:
    """A model file as members and schema, which a test changes and writes."""

    def __init__(self, content):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            self.members = {name: archive.read(name) for name in archive.namelist()}
        self.manifest = json.loads(self.members.pop("skace.json"))
        self.schema = json.loads(self.members.pop("schema.json"))
        self.twice = []
        self.owners = {}  # paths of attributes by member
        self._find(self.schema, "")

    def _find(self, node, path):
        if isinstance(node, dict):
            if "file" in node:
                self.owners.setdefault(node["file"], []).append((path, node))
            for name, part in node.items():
                self._find(part, f"{path}/{name}")
        elif isinstance(node, list):
            for place, part in enumerate(node):
                self._find(part, f"{path}/{place}")

    def names(self, ending):
        return sorted(
            name
            for name in self.members
            if name.endswith(ending)
            and not any(part in path for path, _ in self.owners[name] for part in LEFT_OUT)
        )

    def array(self, name):
        return np.load(io.BytesIO(self.members[name]), allow_pickle=False)

    def put(self, name, array, **options):
        buffer = io.BytesIO()
        np.save(buffer, array, **options)
        self.members[name] = buffer.getvalue()

    def parts(self, name):
        with zipfile.ZipFile(io.BytesIO(self.members[name])) as archive:
            return {part: archive.read(part) for part in archive.namelist()}

    def put_parts(self, name, parts, twice=()):
        buffer = io.BytesIO()
        with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(buffer, "w") as archive:
            for part in [*parts, *twice]:
                archive.writestr(part, parts[part])
        self.members[name] = buffer.getvalue()

    def rename(self, old, new):
        """Another name, which the schema asks for as well."""
        self.members[new] = self.members.pop(old)
        for _, node in self.owners[old]:
            node["file"] = new

    def content(self, digests=None):
        """Bytes of the file, its list of content forged unless it is given."""
        members = {**self.members, "schema.json": json.dumps(self.schema).encode()}
        if digests is None:
            digests = {name: sha256(member).hexdigest() for name, member in members.items()}
        members["skace.json"] = json.dumps(self.manifest | {"sha256": digests}).encode()
        buffer = io.BytesIO()
        with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(buffer, "w") as archive:
            for name in [*members, *self.twice]:
                archive.writestr(name, members[name])
        return buffer.getvalue()


def saved(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def with_header(member, shape):
    """Array that says that it has another shape."""
    array = np.load(io.BytesIO(member), allow_pickle=False)
    buffer = io.BytesIO()
    header = np.lib.format.header_data_from_array_1_0(array) | {"shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue() + array.tobytes()


# Each changes a file, or returns the changed content.


def member_renamed(file, rng):
    name = rng.choice(sorted(file.members))
    file.members[f"{name}.bak"] = file.members.pop(name)


def member_missing(file, rng):
    del file.members[rng.choice(sorted(file.members))]


def member_added(file, rng):
    file.members[f"{rng.integers(10**6)}.npy"] = saved(np.arange(3))


def member_twice(file, rng):
    file.twice = [rng.choice(sorted(file.members))]


def members_swapped(file, rng):
    one, other = rng.choice(file.names(".npy"), 2, replace=False)
    kinds = {
        name: (file.array(name).shape, file.array(name).dtype.kind) for name in file.names(".npy")
    }
    if kinds[one] == kinds[other]:
        other = next(name for name, kind in kinds.items() if kind != kinds[one])
    file.members[one], file.members[other] = file.members[other], file.members[one]


def file_cut(file, rng):
    content = file.content()
    return content[: rng.integers(len(content))]


def member_cut(file, rng):
    name = rng.choice(sorted(file.members))
    file.members[name] = file.members[name][: rng.integers(len(file.members[name]))]


def absurd_shape(file, rng):
    name = rng.choice(file.names(".npy"))
    shapes = [(10**12,), (-1,), (2**40, 2**40), (2**62, 4), (10**12, 0), (-8, -4), (10**30,)]
    file.members[name] = with_header(file.members[name], shapes[rng.integers(len(shapes))])


def other_length(file, rng):
    # Twice nothing is nothing.
    name = rng.choice([name for name in file.names(".npy") if file.array(name).size])
    array = file.array(name)
    if array.ndim == 0 or len(array) < 2 or rng.integers(2):
        array = np.concatenate([np.atleast_1d(array)] * 2)
    else:
        array = array[:-1]
    file.put(name, array)


def other_axes(file, rng):
    name = rng.choice(file.names(".npy"))
    file.put(name, file.array(name)[None])


def other_dtype(file, rng):
    name = rng.choice(file.names(".npy"))
    array = file.array(name)
    kinds = {"f": ["i8", "U9", "?"], "i": ["f8", "U9", "?"], "b": ["f8", "i8"], "U": ["f8", "?"]}
    kinds["u"] = ["f8", "i8"]
    kind = rng.choice(kinds[array.dtype.kind])
    zeros = array.dtype.kind == "U"
    file.put(name, np.zeros(array.shape, dtype=kind) if zeros else array.astype(kind))


def python_objects(file, rng):
    name = rng.choice(file.names(".npy"))
    file.put(name, np.array([print], dtype=object), allow_pickle=True)


def matrix_as_array(file, rng):
    name = rng.choice(sorted(file.members))
    for _, node in file.owners[name]:
        other = {"NdArrayNode": "SparseMatrixNode", "SparseMatrixNode": "NdArrayNode"}
        node["__loader__"] = other[node["__loader__"]]


def indices_outside(file, rng):
    name = rng.choice(file.names(".npz"))
    parts = file.parts(name)
    indices = np.load(io.BytesIO(parts["indices.npy"])).copy()
    indices[rng.integers(indices.size)] = rng.choice([10**6, -(10**6), -1, 2**31 - 1])
    file.put_parts(name, parts | {"indices.npy": saved(indices)})
    if rng.integers(2):
        file.rename(name, rng.choice(["weights.npy", "weights", "weights.NPZ", "a/b.npz"]))


def pointers_outside(file, rng):
    name = rng.choice(file.names(".npz"))
    parts = file.parts(name)
    pointers = np.load(io.BytesIO(parts["indptr.npy"])).copy()
    pointers[rng.integers(pointers.size)] = rng.choice([10**6, -5])
    file.put_parts(name, parts | {"indptr.npy": saved(pointers)})
    if rng.integers(2):
        file.rename(name, "weights.npy")


def matrix_of_another_size(file, rng):
    name = rng.choice(file.names(".npz"))
    parts = file.parts(name)
    shape = [(8, 10**12), (10**12, 8), (8, 7), (9, 8), (8, 9), (-8, 8), (8, 2**63 - 1), (8,)]
    shape = np.array(shape[rng.integers(len(shape))])
    file.put_parts(name, parts | {"shape.npy": saved(shape)})


def matrix_of_other_numbers(file, rng):
    name = rng.choice(file.names(".npz"))
    parts = file.parts(name)
    part = rng.choice(["indices.npy", "indptr.npy", "data.npy"])
    array = np.load(io.BytesIO(parts[part]))
    file.put_parts(name, parts | {part: saved(array.astype("U9" if part[0] == "d" else "f8"))})


def part_twice(file, rng):
    name = rng.choice(file.names(".npz"))
    parts = file.parts(name)
    file.put_parts(name, parts, twice=[rng.choice(sorted(parts))])


def matrix_cut(file, rng):
    name = rng.choice(file.names(".npz"))
    matrix = sp.load_npz(io.BytesIO(file.members[name]))[:-1]
    buffer = io.BytesIO()
    sp.save_npz(buffer, matrix)
    file.members[name] = buffer.getvalue()


OF_ARRAYS = [
    member_renamed,
    member_missing,
    member_added,
    member_twice,
    members_swapped,
    file_cut,
    member_cut,
    absurd_shape,
    other_length,
    other_axes,
    other_dtype,
    python_objects,
    matrix_as_array,
]
OF_MATRICES = [
    indices_outside,
    pointers_outside,
    matrix_of_another_size,
    matrix_of_other_numbers,
    part_twice,
    matrix_cut,
]


def use(model, X):
    """Ask a model, then let it learn more."""
    if hasattr(model, "decision_function"):
        model.decision_function(X)
        model.predict(X)
    else:
        model.transform(X.catalog.features)
    if hasattr(model, "partial_fit"):
        model.partial_fit(X if hasattr(model, "item_ids_") else X.catalog.features)


def suits(change, file):
    """Whether there is something in a file to be changed."""
    if change in OF_MATRICES:
        return bool(file.names(".npz"))
    return change in {member_added, file_cut} or len(file.names(".npy")) > 1


def check_refused(change, name, path, X, seed):
    """Change a file, open and use it; whether there was something to change."""
    file = File(STORED[name])
    if not suits(change, file):
        return False
    path.write_bytes(change(file, np.random.default_rng(seed)) or file.content())
    with warnings.catch_warnings(action="ignore"):
        try:
            model = load(path)
        except ValueError as error:
            assert "cannot be opened" in str(error)  # noqa: PT017
        else:  # the weights of a network are compared with it when it is built
            with pytest.raises(ValueError, match=r"shape|state|dtype|holds"):
                use(model, X)
    return True


def check_some_are_refused(change, names, path, X, random_state):
    """Change a few files of these estimators that have something to be changed."""
    n_refused = 0
    for seed, name in enumerate(np.random.default_rng(random_state).permutation(names)):
        n_refused += check_refused(change, name, path, X, seed)
        if n_refused == 4:
            return
    assert n_refused > 0


@pytest.mark.parametrize("change", [*OF_ARRAYS, *OF_MATRICES], ids=lambda change: change.__name__)
def test_a_changed_file_is_refused(change, tmp_path, X, random_state):
    check_some_are_refused(change, FITTED, tmp_path / "model.skops", X, random_state)


@pytest.mark.parametrize("change", OF_ARRAYS, ids=lambda change: change.__name__)
def test_a_changed_file_of_what_reads_texts_is_refused(change, tmp_path, X_of_texts, random_state):
    check_some_are_refused(change, READING, tmp_path / "model.skops", X_of_texts, random_state)


def check_many_are_refused(name, path, X):
    """Change the file of an estimator in every way, several times."""
    n_refused = 0
    for seed in range(5):
        for change in [*OF_ARRAYS, *OF_MATRICES]:
            n_refused += check_refused(change, name, path, X, seed)
    assert n_refused >= 5


@pytest.mark.minutes
@pytest.mark.parametrize("name", FITTED)
def test_many_changed_files_of_every_estimator_are_refused(name, tmp_path, X):
    check_many_are_refused(name, tmp_path / "model.skops", X)


@pytest.mark.minutes
@pytest.mark.parametrize("name", READING)
def test_many_changed_files_of_what_reads_texts_are_refused(name, tmp_path, X_of_texts):
    check_many_are_refused(name, tmp_path / "model.skops", X_of_texts)


@pytest.mark.parametrize("change", [*OF_ARRAYS, *OF_MATRICES], ids=lambda change: change.__name__)
def test_a_changed_file_whose_list_of_content_is_kept_is_refused(change, tmp_path):
    file = File(STORED["ease, fitted.skops"])
    path = tmp_path / "model.skops"
    kept = dict(file.manifest)
    content = change(file, np.random.default_rng(0)) or file.content(kept["sha256"])
    path.write_bytes(content)
    with pytest.raises(ValueError, match="cannot be opened"):
        load(path)


@pytest.mark.parametrize(
    ("name", "attribute", "change"),
    [
        ("semantic ids, residual", "codebooks_/content/0", lambda array: array[None]),
        ("semantic ids, residual", "codebooks_/content/0", lambda array: array[:, :-1]),
        ("semantic ids, residual", "codebooks_/content/0", lambda array: array.astype("i8")),
        ("semantic ids", "inertia_", lambda array: array[None]),
        ("semantic ids", "inertia_", lambda array: array.astype("U9")),
    ],
    ids=["axes", "columns", "integers", "axes of inertia", "texts"],
)
def test_changed_levels_of_ids_are_refused(name, attribute, change, tmp_path):
    file = File(STORED[f"{name}, fitted.skops"])
    (member,) = (
        member
        for member, owners in file.owners.items()
        if any(path.endswith(f"/{attribute}") for path, _ in owners)
    )
    file.put(member, change(file.array(member)))
    path = tmp_path / "model.skops"
    path.write_bytes(file.content())
    with pytest.raises(ValueError, match="cannot be opened"):
        load(path)
