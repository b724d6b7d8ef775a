"""export_onnx and OnnxModel, checked by onnxruntime."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from skace import SASRecEstimator
from skace.export import NumpyModel, OnnxModel, export_onnx
from skace.export._served import as_int8
from skace.item_tables import IDTable

onnx = pytest.importorskip("onnx")
for package in ("onnxscript", "onnxruntime"):
    pytest.importorskip(package)

CLOSE = {"rtol": 1e-5, "atol": 1e-5}


@pytest.mark.minutes
def test_scores_of_every_backbone(fitted, histories, tmp_path, network):
    model = fitted(network)
    answers = OnnxModel(export_onnx(model, tmp_path / "model.onnx", answer="scores"))
    found = np.stack([answers.scores(history) for history in histories])
    np.testing.assert_allclose(found, model.decision_function(histories), **CLOSE)


@pytest.mark.minutes
def test_a_second_export_of_one_process_writes_the_same(fitted, tmp_path):
    paths = [export_onnx(fitted("gru4rec"), tmp_path / name) for name in ("a.onnx", "b.onnx")]
    first, second = (onnx.load(path).graph for path in paths)
    assert [node.op_type for node in first.node] == [node.op_type for node in second.node]


@pytest.mark.minutes
def test_states_of_many_histories_and_of_one(fitted, histories, tmp_path):
    model = fitted("bert4rec")
    answers = OnnxModel(export_onnx(model, tmp_path / "model.onnx", answer="states"))
    expected = model.encode(histories)
    np.testing.assert_allclose(answers.encode(histories), expected, **CLOSE)
    one_by_one = np.concatenate([answers.encode([history]) for history in histories])
    np.testing.assert_allclose(one_by_one, expected, **CLOSE)
    with pytest.raises(ValueError, match=r"histories\[1\] is empty and has no state"):
        answers.encode([histories[0], []])


@pytest.fixture(scope="module")
def lists(fitted, tmp_path_factory):
    """A small network and its file, in which lists without seen items are made."""
    model = fitted("sasrec, without features")
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    arguments = {"k": 7, "exclude_seen": True, "item_table": "float32", "table_file": True}
    return model, export_onnx(make_pipeline("passthrough", model), path, **arguments)


def test_lists_are_those_of_the_model(lists, histories):
    model, path = lists
    asked = [*histories, []]
    item_ids, scores = OnnxModel(path).recommend(asked)
    expected = model.recommend(asked, 7, exclude_seen=True)
    np.testing.assert_allclose(scores, expected.scores, **CLOSE)
    assert (item_ids == expected.item_ids).mean() > 0.9  # near ties may fall the other way
    np.testing.assert_array_equal(OnnxModel(path).recommend(asked, 3)[0], item_ids[:, :3])


def test_the_table_can_stand_in_a_file_of_its_own(lists):
    model, path = lists
    stored = np.fromfile(path.with_suffix(".items"), dtype=np.float32)
    np.testing.assert_array_equal(stored.reshape(model.item_vectors_.shape), model.item_vectors_)
    graph = onnx.load(path, load_external_data=False).graph
    shapes = [tuple(tensor.dims) for tensor in graph.initializer]
    assert shapes.count(model.item_vectors_.shape) == 1
    assert {file.suffix for file in path.parent.iterdir()} == {".onnx", ".npz", ".items"}


def test_sizes_are_open(lists):
    sizes = {put.name: put.shape for put in OnnxModel(lists[1]).session.get_inputs()}
    assert set(sizes) == {"items", "lengths", "seen"}
    assert all(isinstance(size, str) for shape in sizes.values() for size in shape)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"k": 8}, r"k must be an int in the range \[1, 7\], got 8"),
        ({"exclude_seen": False}, "the file was written with exclude_seen=True"),
    ],
)
def test_lists_of_another_kind_are_refused(lists, histories, arguments, text):
    with pytest.raises(ValueError, match=text):
        OnnxModel(lists[1]).recommend(histories, **arguments)


def test_what_a_file_does_not_answer_is_refused(lists, histories):
    answers = OnnxModel(lists[1])
    with pytest.raises(ValueError, match="answers with top_k; write it with answer='states'"):
        answers.encode(histories)
    with pytest.raises(ValueError, match="answers with top_k; write it with answer='scores'"):
        answers.scores(histories[0])


@pytest.mark.minutes
def test_scores_of_an_int8_table(fitted, histories, tmp_path):
    model = fitted("sasrec")
    path = export_onnx(model, tmp_path / "a.onnx", answer="scores", item_table="int8")
    answers = OnnxModel(path)
    exact = model.decision_function(histories)
    near = np.stack([answers.scores(history) for history in histories])
    assert 0 < np.abs(near - exact).max() < 0.05 * np.abs(exact).max()
    best, _ = answers.recommend(histories, 3, exclude_seen=False)
    np.testing.assert_array_equal(best[:, 0], answers.item_ids[near.argmax(axis=1)])


@pytest.mark.minutes
@pytest.mark.parametrize("opset", [18, 23])
def test_an_int8_table_is_multiplied_as_bytes(fitted, histories, tmp_path, opset):
    model = fitted("sasrec")
    arguments = {"item_table": "int8", "opset": opset}
    try:
        path = export_onnx(model, tmp_path / "a.onnx", answer="scores", **arguments)
    except ValueError as error:
        pytest.skip(str(error))  # an earlier torch
    states = OnnxModel(export_onnx(model, tmp_path / "b.onnx", answer="states", **arguments))
    table, scales = as_int8(model.item_vectors_)
    asked = states.encode(histories).astype(np.float64)
    exact = asked @ table.T * scales
    near = np.stack([OnnxModel(path).scores(history) for history in histories])
    half_steps = np.abs(asked).max(axis=1, keepdims=True) / (128 * 64) / 2
    bound = half_steps * np.abs(table).sum(axis=1, dtype=np.int64) * scales
    assert (np.abs(near - exact) <= 1.01 * bound + 1e-5 * np.abs(exact).max()).all()
    assert "MatMulInteger" in [node.op_type for node in onnx.load(path).graph.node]


@pytest.mark.minutes
def test_an_int8_table_in_a_file_of_its_own_leaves_out_what_was_seen(fitted, histories, tmp_path):
    model = fitted("sasrec")
    arguments = {"item_table": "int8", "exclude_seen": True, "k": 3}
    one = OnnxModel(export_onnx(model, tmp_path / "a.onnx", **arguments))
    other = OnnxModel(export_onnx(model, tmp_path / "b.onnx", table_file=True, **arguments))
    assert (tmp_path / "b.items").stat().st_size == model.item_vectors_.size
    (best, scores), (same, equal) = (answers.recommend(histories) for answers in (one, other))
    np.testing.assert_array_equal(best, same)
    np.testing.assert_allclose(scores, equal, rtol=1e-6)
    assert not any(np.isin(row, own).any() for row, own in zip(best, histories, strict=True))


@pytest.mark.minutes
def test_newer_operators_answer_alike_in_fewer_steps(fitted, histories, tmp_path):
    model = fitted("sasrec")
    steps = {}
    for opset in (18, 23):
        path = tmp_path / f"{opset}.onnx"
        try:
            answers = OnnxModel(export_onnx(model, path, answer="scores", opset=opset))
        except ValueError as error:
            pytest.skip(str(error))  # an earlier torch
        found = np.stack([answers.scores(history) for history in histories])
        np.testing.assert_allclose(found, model.decision_function(histories), **CLOSE)
        steps[opset] = [node.op_type for node in onnx.load(path).graph.node]
    assert len(steps[23]) < len(steps[18])
    assert "Attention" in steps[23]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"opset": 17}, r"opset must be an integer from 18 to \d+, .*got 17"),
        ({"opset": 99}, r"opset must be an integer from 18 to \d+, .*got 99"),
        ({"opset": 18.5}, r"opset must be an integer from 18 to \d+, .*got 18.5"),
        ({"path": "model.npz"}, "path must end in .onnx"),
        ({"answer": "ranks"}, "answer must be one of"),
        ({"item_table": "int4"}, "item_table must be 'float32' or 'int8', got 'int4'"),
        ({"k": 61}, r"k must be an int in the range \[1, 60\], got 61"),
        ({"k": 3, "answer": "states"}, "k=3 is for answer='top_k'"),
    ],
)
def test_bad_arguments_are_named(fitted, tmp_path, arguments, text):
    path = tmp_path / arguments.pop("path", "model.onnx")
    with pytest.raises(ValueError, match=text):
        export_onnx(fitted("sasrec, rotary, ligr"), path, **arguments)
    assert not list(tmp_path.iterdir())


def test_what_is_no_network_is_refused(fitted, tmp_path):
    with pytest.raises(TypeError, match="EASEEstimator is no network; use export_numpy"):
        export_onnx(fitted("ease"), tmp_path / "model.onnx")


def test_a_network_that_reads_times_is_refused(shop_rows, tmp_path):
    model = SASRecEstimator(positions="time", max_epochs=1, early_stopping=False).fit(shop_rows)
    with pytest.raises(ValueError, match='positions="time", which reads timestamps'):
        export_onnx(model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.minutes
def test_files_of_two_models_are_not_taken_for_one(shop_rows, tmp_path):
    make = lambda seed: SASRecEstimator(  # noqa: E731
        k=2, embedding_dim=4, n_layers=1, max_epochs=1, early_stopping=False, random_state=seed,
        item_table=IDTable(),
    ).fit(shop_rows)  # fmt: skip
    for name, seed in (("old", 0), ("new", 1)):
        export_onnx(make(seed), tmp_path / f"{name}.onnx", answer="scores")
    (tmp_path / "new.onnx.npz").replace(tmp_path / "old.onnx.npz")
    with pytest.raises(ValueError, match="the file of ids beside it are of two models"):
        OnnxModel(tmp_path / "old.onnx")
    with pytest.raises(ValueError, match=r"open that one with skace.export.OnnxModel"):
        NumpyModel(tmp_path / "old.onnx.npz")
