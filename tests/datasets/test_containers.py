"""Containers of published files, told by their first bytes."""
# SPDX-License-Identifier: BSD-3-Clause

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pyarrow as pa
import pytest

from skace.datasets.reading._containers import kind_of
from skace.datasets.reading._lines import LineReader

TEXT = b"one\ntwo\n"


def _zip(content, names=("folder/a.txt",)):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/", b"")
        for name in names:
            archive.writestr(name, content)
        archive.writestr("__MACOSX/folder/._a.txt", b"junk")
    return file.getvalue()


def _tar(content, names=("folder/a.txt",)):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def _zstd(content):
    return pa.Codec("zstd").compress(content, asbytes=True)


PACKERS = {
    "text": lambda content: content,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": _zstd,
    "zip": _zip,
    "tar": _tar,
}


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("name", ["a.csv", "a.json.gz"])
def test_a_container_is_told_by_its_first_bytes(tmp_path, kind, name):
    (tmp_path / name).write_bytes(PACKERS[kind](TEXT))
    assert kind_of(tmp_path / name) == kind
    lines = LineReader(tmp_path / name)
    assert list(lines) == ["one", "two"]
    assert list(lines) == ["one", "two"]


@pytest.mark.parametrize("outer", ["gzip", "bzip2", "xz", "zip"])
@pytest.mark.parametrize("inner", ["gzip", "zip", "tar", "zstd"])
def test_containers_in_containers_are_unpacked(tmp_path, outer, inner):
    (tmp_path / "a").write_bytes(PACKERS[outer](PACKERS[inner](TEXT)))
    assert list(LineReader(tmp_path / "a")) == ["one", "two"]


@pytest.mark.parametrize(("kind", "pack"), [("zip", _zip), ("tar", _tar)])
def test_an_archive_of_several_files_is_refused_with_their_names(tmp_path, kind, pack):
    (tmp_path / "a").write_bytes(pack(TEXT, ["b.txt", "c.txt"]))
    expected = (
        rf"a is a {kind} archive of 2 files \(first 'b\.txt', 'c\.txt'\)|"
        rf"a is a {kind} archive of 2 files \('b\.txt', 'c\.txt'\); unpack it, and give the path"
    )
    with pytest.raises(ValueError, match=expected):
        list(LineReader(tmp_path / "a"))


def test_an_archive_inside_of_zstd_is_refused(tmp_path):
    (tmp_path / "a").write_bytes(_zstd(_tar(TEXT)))
    with pytest.raises(ValueError, match=r"a is a tar archive inside zstd; unpack it first\.$"):
        list(LineReader(tmp_path / "a"))


@pytest.mark.parametrize(
    ("head", "finding"),
    [
        (b"PAR1", "is a parquet file, where lines of text are published; read it with pandas"),
        (b"7z\xbc\xaf\x27\x1c", "is an archive that Python cannot open; unpack it"),
        ("\ufeffa,b".encode("utf-16-le"), "is UTF-16 text; write it as UTF-8, for example with"),
        (b" <!DOCTYPE html><html>", "is a web page: what a server answers in place of a file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS to a file"),
        (b"\x80\x04\x95", "is a binary file and none that is published"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_what_is_no_text_is_refused_with_a_remedy(tmp_path, head, finding, packed):
    content = head + bytes(300)
    (tmp_path / "a").write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(ValueError, match=rf"a {finding}"):
        list(LineReader(tmp_path / "a"))


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz", "zip", "zstd", "tar"])
def test_what_is_cut_off_is_named(tmp_path, kind):
    content = b"".join(b"line %d of many %x\n" % (n, n * n) for n in range(9000))
    packed = PACKERS[kind](content)
    (tmp_path / "a").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(ValueError, match=r"a is damaged or cut off after line \d+ \(.*\); downl"):
        list(LineReader(tmp_path / "a"))


def test_without_a_library_for_zstd_the_error_says_so(tmp_path, monkeypatch):
    def import_module(name):
        raise ImportError(name)

    monkeypatch.setattr("skace.datasets.reading._containers.import_module", import_module)
    (tmp_path / "a").write_bytes(_zstd(TEXT))
    expected = r"a is packed with zstd; unpack it with zstd -d, or install pyarrow\.$"
    with pytest.raises(ImportError, match=expected):
        list(LineReader(tmp_path / "a"))


def test_an_encrypted_archive_is_refused(tmp_path):
    content = bytearray(_zip(TEXT))
    for place in range(len(content) - 4):
        if content[place : place + 4] == b"PK\x03\x04":
            content[place + 6] |= 1
        if content[place : place + 4] == b"PK\x01\x02":
            content[place + 8] |= 1
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ValueError, match=r"a cannot be unpacked \(.*encrypted.*\); do it by other"):
        list(LineReader(tmp_path / "a"))


def test_a_fault_of_the_disk_stays_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(LineReader(tmp_path / "gone"))
