"""Pooling of a model as its files tell it, in the forms of several years."""
# SPDX-License-Identifier: BSD-3-Clause

import json

import pytest

from skace.embeddings.text.sources._pooling import pooling_of_model

FLAGS = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "lasttoken")


def _put(folder, config, *, types=("Transformer", "Pooling", "Normalize")):
    """Folder of a model with this configuration of its pooling."""
    modules = [
        {"idx": place, "path": f"{place}_{name}", "type": f"sentence_transformers.models.{name}"}
        for place, name in enumerate(types)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(config)
    return str(folder)


def _flags(*modes):
    return {f"pooling_mode_{flag}": flag in modes for flag in FLAGS}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"embedding_dimension": 4, "pooling_mode": "lasttoken"}, "lasttoken"),
        ({"pooling_mode": ["cls", "mean"], "include_prompt": True}, "cls+mean"),
        ({"pooling_mode": "mean", "include_prompt": False}, "mean without the prompt"),
        (_flags("mean_tokens"), "mean"),
        (_flags("cls_token"), "cls"),
        (_flags("mean_tokens", "max_tokens"), "max+mean"),
        (_flags("mean_sqrt_len_tokens"), "mean_sqrt_len_tokens"),
        (_flags("lasttoken") | {"include_prompt": False}, "lasttoken without the prompt"),
        (_flags(), None),
        ({}, None),
        ({"pooling_mode": 7}, None),
        ([], None),
    ],
)
def test_each_form_of_the_configuration_is_read(tmp_path, config, expected):
    assert pooling_of_model(_put(tmp_path, json.dumps(config)), None) == expected


@pytest.mark.parametrize("types", [("Transformer",), ("StaticEmbedding", "Normalize")])
def test_a_model_without_pooling_tells_none(tmp_path, types):
    folder = _put(tmp_path, json.dumps({"pooling_mode": "mean"}), types=types)
    assert pooling_of_model(folder, None) is None


def test_files_that_cannot_be_read_tell_none(tmp_path):
    assert pooling_of_model(str(tmp_path), None) is None
    assert pooling_of_model(_put(tmp_path, "{"), None) is None


def test_a_model_that_is_not_on_this_machine_tells_none(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    assert pooling_of_model("nobody/nothing", None) is None
