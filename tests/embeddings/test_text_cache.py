"""Stores of encoded texts: nothing is lost, mixed up or trusted blindly."""
# SPDX-License-Identifier: BSD-3-Clause

import errno
import json
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skace.embeddings.text import _cache as _text_cache
from skace.embeddings.text._cache import DiskStore, MemoryStore, Segment, find, gather, keys
from skace.embeddings.text._checksums import row_sums

IDENTITY = {"model": "m", "revision": "1"}
KEY = st.binary(min_size=16, max_size=16)
# Keys that end in zeros, or differ in one byte only, are those that numpy might take for equal.
TRICKY = st.builds(
    lambda n, z: bytes([n]) * (16 - z) + bytes(z), st.integers(0, 3), st.integers(0, 16)
)


def _vectors(texts, n_dims=3):
    return np.array([[len(text) + place for place in range(n_dims)] for text in texts], np.float32)


def _append(store, texts, **settings):
    with store.writing():
        store.append(keys(texts), _vectors(texts, **settings))


def _read(store, texts):
    """Vectors of the texts, NaN where the store has none."""
    segments = store.segments()
    out = np.full((len(texts), 3), np.nan, dtype=np.float32)
    gather(segments, find(segments, keys(texts)), out, lambda vectors: vectors)
    return out


@pytest.fixture(params=["disk", "memory"])
def store(request, tmp_path):
    return DiskStore(tmp_path, IDENTITY) if request.param == "disk" else MemoryStore()


def test_what_was_put_in_comes_out_in_any_order(store):
    _append(store, ["a", "bb"])
    _append(store, ["cccc"])
    assert_array_equal(_read(store, ["cccc", "a", "bb", "a"]), _vectors(["cccc", "a", "bb", "a"]))


def test_what_was_not_put_in_is_not_found(store):
    assert not find(store.segments(), keys(["a"])).is_found.any()
    _append(store, ["a"])
    assert find(store.segments(), keys(["b", "a", ""])).is_found.tolist() == [False, True, False]


@pytest.mark.parametrize("block_bytes", [1, 24, 2**20])
def test_blocks_of_any_size_give_the_same(store, monkeypatch, block_bytes):
    monkeypatch.setattr(_text_cache, "_BLOCK_BYTES", block_bytes)
    texts = [str(number) * number for number in range(1, 9)]
    _append(store, texts[:5])
    _append(store, texts[5:])
    assert_array_equal(_read(store, texts[::-1]), _vectors(texts[::-1]))


@given(
    segments=st.lists(st.lists(KEY | TRICKY, max_size=6), max_size=4),
    wanted=st.lists(KEY | TRICKY, max_size=8),
)
def test_find_agrees_with_a_search_one_by_one(segments, wanted):
    parts = [
        Segment(np.frombuffer(b"".join(part), "S16"), np.zeros((len(part), 1), np.float32), "")
        for part in segments
    ]
    places = find(parts, np.frombuffer(b"".join(wanted), "S16"))
    for place, key in enumerate(wanted):
        expected = next(
            ((number, part.index(key)) for number, part in enumerate(segments) if key in part), None
        )
        assert places.is_found[place] == (expected is not None)
        if expected:
            assert (places.segments[place], places.rows[place]) == expected


@settings(max_examples=50)
@given(st.lists(st.text(max_size=3), unique=True, max_size=20))
def test_different_texts_have_different_keys(texts):
    assert len({key.tobytes() for key in keys(texts).reshape(-1, 1)}) == len(texts)


def test_a_lone_surrogate_has_a_key():
    assert keys(["\ud800"]).size == 1


def test_keys_never_change_because_folders_outlive_versions():
    assert keys(["Lip Balm"])[0].hex() == "f6764c6ae3fb5829719da85e5c3ab8ae"


def test_another_store_with_the_same_identity_sees_everything(tmp_path):
    _append(DiskStore(tmp_path, IDENTITY), ["a"])
    later = DiskStore(tmp_path, dict(reversed(IDENTITY.items())))
    assert_array_equal(_read(later, ["a"]), _vectors(["a"]))


@pytest.mark.parametrize("change", [{"model": "n"}, {"revision": "2"}, {"prompt": "q: "}])
def test_another_identity_sees_nothing(tmp_path, change):
    _append(DiskStore(tmp_path, IDENTITY), ["a"])
    assert DiskStore(tmp_path, IDENTITY | change).segments() == []


def test_the_folder_says_what_is_in_it_and_holds_no_objects(tmp_path):
    store = DiskStore(tmp_path, IDENTITY)
    _append(store, ["a", "b"])
    described = json.loads((store.folder / "settings.json").read_text())
    assert described == {"format": 1, "n_dims": 3, "identity": IDENTITY}
    sizes = {path.suffix: path.stat().st_size for path in store.folder.iterdir()}
    assert sizes[".keys"] == 2 * 16
    assert sizes[".vectors"] == 2 * 3 * 4
    assert sizes[".sums"] == 2 * 4
    assert set(sizes) <= {".keys", ".sums", ".vectors", ".json", ""}


def test_each_segment_knows_the_day_it_was_written(tmp_path, monkeypatch):
    monkeypatch.setattr(_text_cache, "_today", lambda: "2026-02-03")
    for store in (DiskStore(tmp_path, IDENTITY), MemoryStore()):
        _append(store, ["a"])
        assert [segment.date for segment in store.segments()] == ["2026-02-03"]


def test_segments_of_one_day_are_joined_in_memory(monkeypatch):
    store = MemoryStore()
    for day, text in (("01", "a"), ("02", "b"), ("01", "c")):
        monkeypatch.setattr(_text_cache, "_today", lambda day=day: f"2026-01-{day}")
        _append(store, [text])
    assert sorted(segment.keys.size for segment in store.segments()) == [1, 2]
    assert store.n_bytes == 3 * 3 * 4
    assert_array_equal(_read(store, ["a", "b", "c"]), _vectors(["a", "b", "c"]))


@pytest.mark.parametrize("suffix", [".vectors", ".keys"])
@pytest.mark.parametrize("n_bytes", [1, 7, 12, 13, 23])
def test_a_torn_end_costs_the_torn_rows_only(tmp_path, suffix, n_bytes):
    store = DiskStore(tmp_path, IDENTITY)
    texts = ["a", "bb", "ccc"]
    _append(store, texts)
    path = next(store.folder.glob(f"*{suffix}"))
    path.write_bytes(path.read_bytes()[:-n_bytes])
    lost = -(-n_bytes // (12 if suffix == ".vectors" else 16))
    found = _read(store, texts)
    assert_array_equal(found[: 3 - lost], _vectors(texts[: 3 - lost]))
    assert np.isnan(found[3 - lost :]).all()
    _append(store, texts[3 - lost :])
    assert_array_equal(_read(store, texts), _vectors(texts))


def test_an_empty_segment_is_no_obstacle(tmp_path):
    store = DiskStore(tmp_path, IDENTITY)
    _append(store, ["a"])
    for suffix in (".keys", ".vectors"):
        (store.folder / f"2026-01-01-dead{suffix}").write_bytes(b"")
    assert len(store.segments()) == 1


def test_damaged_settings_are_named(tmp_path):
    store = DiskStore(tmp_path, IDENTITY)
    _append(store, ["a"])
    (store.folder / "settings.json").write_text("{")
    with pytest.raises(ValueError, match=r"settings\.json is damaged; remove the folder "):
        store.segments()


def test_vectors_of_another_width_are_refused(tmp_path):
    store = DiskStore(tmp_path, IDENTITY)
    _append(store, ["a"])
    expected = (
        r"^the encoder returned vectors of 4 numbers, but those in the cache .* have 3\. It is"
    )
    with pytest.raises(ValueError, match=expected):
        _append(store, ["b"], n_dims=4)
    assert_array_equal(_read(store, ["a"]), _vectors(["a"]))


DAMAGE = r"vectors is damaged: \d of \d vectors are not those that were written, first that in row "


@settings(max_examples=40)
@given(bit=st.integers(0, 8 * 36 - 1))
def test_a_flipped_bit_is_noticed(tmp_path_factory, bit):
    store = DiskStore(tmp_path_factory.mktemp("cache"), IDENTITY)
    _append(store, ["a", "bb", "ccc"])
    path = next(store.folder.glob("*.vectors"))
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{DAMAGE}{bit // 96} \(or settings\.json .* Remove the"):
        _read(store, ["a", "bb", "ccc"])
    for part in store.folder.glob(f"{path.stem}.*"):  # as the message says
        part.unlink()
    assert not find(store.segments(), keys(["a"])).is_found.any()


@pytest.mark.parametrize("place", [0, 5, 12, 20])
def test_bytes_that_were_lost_before_the_end_are_noticed(tmp_path, place):
    store = DiskStore(tmp_path, IDENTITY)
    _append(store, ["a", "bb", "ccc"])
    path = next(store.folder.glob("*.vectors"))
    content = path.read_bytes()
    path.write_bytes(content[:place] + content[place + 4 :])
    with pytest.raises(ValueError, match=DAMAGE):
        _read(store, ["a", "bb"])


@pytest.mark.parametrize("n_dims", [1, 2, 4])
def test_a_width_that_was_edited_is_noticed(tmp_path, n_dims):
    store = DiskStore(tmp_path, IDENTITY)
    _append(store, ["a", "bb", "ccc"])
    path = store.folder / "settings.json"
    path.write_text(path.read_text().replace('"n_dims": 3', f'"n_dims": {n_dims}'))
    segments = store.segments()
    out = np.zeros((2, n_dims), np.float32)
    with pytest.raises(ValueError, match=r"settings\.json beside it tells another width"):
        gather(segments, find(segments, keys(["a", "bb"])), out, lambda vectors: vectors)


@pytest.mark.parametrize("n_dims", ["0", "-3", "true", "3.5", '"3"', "null"])
def test_a_width_that_is_none_is_damage(tmp_path, n_dims):
    store = DiskStore(tmp_path, IDENTITY)
    _append(store, ["a"])
    path = store.folder / "settings.json"
    path.write_text(path.read_text().replace('"n_dims": 3', f'"n_dims": {n_dims}'))
    with pytest.raises(ValueError, match=r"settings\.json is damaged; remove the folder "):
        store.segments()


def test_vectors_without_checksums_have_to_be_finite(tmp_path):
    store = DiskStore(tmp_path, IDENTITY)
    _append(store, ["a", "bb"])
    next(store.folder.glob("*.sums")).unlink()  # as earlier versions left it
    assert_array_equal(_read(store, ["bb", "a"]), _vectors(["bb", "a"]))
    path = next(store.folder.glob("*.vectors"))
    path.write_bytes(np.array([[1, 2, 3], [1, np.nan, 3]], "<f4").tobytes())
    assert_array_equal(_read(store, ["a"]), [[1, 2, 3]])
    with pytest.raises(ValueError, match=f"{DAMAGE}1 "):
        _read(store, ["a", "bb"])


@pytest.mark.parametrize("name", ["2026-01-01-dead.keys", "notes.keys", "copy of it.keys"])
def test_a_stray_file_is_told_and_left_aside(tmp_path, name):
    store = DiskStore(tmp_path, IDENTITY)
    _append(store, ["a"])
    (store.folder / name).write_bytes(b"x" * 32)
    if name[0] != "2":
        (store.folder / name).with_suffix(".vectors").write_bytes(b"x" * 24)
    with pytest.warns(UserWarning, match=rf"{name} is no part of the cache .* remove it\."):
        assert_array_equal(_read(store, ["a"]), _vectors(["a"]))


def test_nothing_is_locked_where_everything_is_there(tmp_path, monkeypatch):
    store = DiskStore(tmp_path, IDENTITY)
    _append(store, ["a"])
    store.table("name", (1, 3), lambda out: out.fill(1))
    (store.folder / "lock").unlink()
    monkeypatch.setattr(_text_cache, "_locked", _read_only)
    assert_array_equal(_read(store, ["a"]), _vectors(["a"]))
    assert_array_equal(store.table("name", (1, 3), _read_only), np.ones((1, 3)))
    assert not (store.folder / "lock").exists()


def _read_only(*_args):
    raise PermissionError(errno.EACCES, "Permission denied")


def test_a_table_is_made_in_memory_where_nothing_can_be_written(tmp_path, monkeypatch):
    store = DiskStore(tmp_path, IDENTITY)
    monkeypatch.setattr(_text_cache, "_locked", _read_only)
    assert_array_equal(store.table("name", (2, 3), lambda out: out.fill(1)), np.ones((2, 3)))


def test_a_folder_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(_text_cache, "_locked", _read_only)
    expected = (
        r"^some texts are not in the cache .* cannot be written to .*; pass another folder as"
    )
    with pytest.raises(OSError, match=expected):
        _append(DiskStore(tmp_path, IDENTITY), ["a"])


def test_a_damaged_table_is_written_again(tmp_path):
    store = DiskStore(tmp_path, IDENTITY)
    store.table("name", (2, 3), lambda out: out.fill(1))
    path = store.folder / "tables" / "name.npy"
    content = path.read_bytes()
    for damaged in (content[:-4], content[:-1] + b"\x01", content[:20], b""):
        path.write_bytes(damaged)
        assert_array_equal(store.table("name", (2, 3), lambda out: out.fill(1)), np.ones((2, 3)))


def test_a_width_that_changes_in_memory_forgets_and_goes_on():
    store = MemoryStore()
    _append(store, ["a"])
    expected = r"^the encoder returned vectors of 4 numbers, but those before have 3\. They are for"
    with pytest.raises(ValueError, match=expected):
        _append(store, ["b"], n_dims=4)
    _append(store, ["b"])
    assert_array_equal(_read(store, ["b"]), _vectors(["b"]))


def test_sums_never_change_because_files_outlive_versions():
    assert row_sums(np.array([[1, 2, 3], [0, 0, 0]], np.float32)).tolist() == [742391811, 3]


KILLED = """
    import os, signal, sys
    import numpy as np
    from skace.embeddings.text._cache import DiskStore, keys
    store = DiskStore(sys.argv[1], {"model": "m", "revision": "1"})
    with store.writing():
        for text in ["a", "bb", "ccc"]:
            store.append(keys([text]), np.array([[len(text), len(text) + 1, len(text) + 2]], "f4"))
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.minutes  # a killed encoder, which stores through it, is in test_text_encoder
def test_a_killed_process_leaves_what_it_wrote_and_no_lock(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path)], check=False
    )
    assert run.returncode != 0
    store = DiskStore(tmp_path, IDENTITY)
    assert_array_equal(_read(store, ["a", "bb", "ccc"]), _vectors(["a", "bb", "ccc"]))
    _append(store, ["dddd"])  # would wait for ever if the lock were still held
    assert len(store.segments()) == 2


def test_writers_take_turns(tmp_path):
    pytest.importorskip("fcntl")
    order = []
    first_is_in = threading.Event()

    def write(name, stay):
        store = DiskStore(tmp_path, IDENTITY)
        with store.writing():
            first_is_in.set()
            order.append(f"{name} in")
            stay.wait(0.2)
            order.append(f"{name} out")

    first = threading.Thread(target=write, args=("first", threading.Event()))
    first.start()
    first_is_in.wait(5)
    write("second", first_is_in)
    first.join()
    assert order == ["first in", "first out", "second in", "second out"]


def test_a_table_is_written_once_and_read_from_disk(tmp_path):
    store = DiskStore(tmp_path, IDENTITY)
    n_fills = 0

    def fill(out):
        nonlocal n_fills
        n_fills += 1
        out[:] = np.arange(6).reshape(2, 3)

    for _ in range(2):
        table = store.table("name", (2, 3), fill)
    assert isinstance(table, np.memmap)
    assert not table.flags.writeable
    assert_array_equal(table, np.arange(6).reshape(2, 3))
    assert n_fills == 1


def test_a_table_whose_writer_failed_is_written_again(tmp_path):
    store = DiskStore(tmp_path, IDENTITY)

    def fail(out):
        out[0] = 9
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.table("name", (2, 3), fail)
    assert_array_equal(store.table("name", (2, 3), lambda out: out.fill(1)), np.ones((2, 3)))
