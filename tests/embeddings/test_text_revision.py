"""Which weights a name stands for."""
# SPDX-License-Identifier: BSD-3-Clause

import os
import shutil

import pytest

from skace.embeddings.text.sources import _revision as _text_revision
from skace.embeddings.text.sources._revision import hub_commit, local_fingerprint


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "model"
    (path / "1_Pooling").mkdir(parents=True)
    (path / "model.safetensors").write_bytes(b"weights")
    (path / "1_Pooling" / "config.json").write_text("{}")
    (path / "README.md").write_text("About")
    return path


def test_the_same_files_elsewhere_have_the_same_fingerprint(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "elsewhere" / "copy")
    assert local_fingerprint(copy) == local_fingerprint(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "1_Pooling/config.json", "new.json"])
def test_a_change_of_any_file_changes_the_fingerprint(folder, name):
    before = local_fingerprint(folder)
    (folder / name).write_bytes(b"WEIGHTS")
    os.utime(folder / name, ns=(1, 1))
    assert local_fingerprint(folder) != before


def test_a_renamed_file_changes_the_fingerprint(folder):
    before = local_fingerprint(folder)
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    assert local_fingerprint(folder) != before


@pytest.mark.parametrize("name", ["README.md", ".gitattributes", "LICENSE"])
def test_files_that_no_vector_depends_on_do_not_count(folder, name):
    before = local_fingerprint(folder)
    (folder / name).write_text("Changed")
    assert local_fingerprint(folder) == before


def test_files_that_did_not_change_are_read_once(folder, monkeypatch):
    before = local_fingerprint(folder)
    monkeypatch.setattr(_text_revision.hashlib, "file_digest", None)
    assert local_fingerprint(folder) == before


def _hub(tmp_path, name, refs):
    """A cache of the Hub with one model and a snapshot per commit."""
    home = tmp_path / f"models--{name.replace('/', '--')}"
    for ref, commit in refs.items():
        (home / "refs").mkdir(parents=True, exist_ok=True)
        (home / "refs" / ref).write_text(commit)
        (home / "snapshots" / commit).mkdir(parents=True)
        (home / "snapshots" / commit / "config.json").write_text("{}")


@pytest.mark.parametrize(
    ("model", "revision", "commit"),
    [
        ("org/model", None, "1" * 40),
        ("org/model", "v2", "2" * 40),
        ("org/model", "2" * 40, "2" * 40),
        ("org/model", "v3", None),
        ("org/other", None, None),
        ("short", None, "3" * 40),
        ("/no/such/folder", None, None),
    ],
)
def test_a_model_of_the_hub_is_known_by_its_commit(tmp_path, monkeypatch, model, revision, commit):
    _hub(tmp_path, "org/model", {"main": "1" * 40, "v2": "2" * 40})
    _hub(tmp_path, "sentence-transformers/short", {"main": "3" * 40})
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    assert hub_commit(model, revision) == commit
