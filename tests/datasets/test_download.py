"""Downloads: whole and right, resumed, or an error that says what is kept."""
# SPDX-License-Identifier: BSD-3-Clause

import gzip
import hashlib
import logging
import re
import socket
import threading
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skace.datasets import _download
from skace.datasets._download import RemoteFile, download
from skace.datasets._download_log import logged_download

CONTENT = bytes(range(256)) * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()
INTERRUPTED = "was interrupted .*; trying again"


def _remote(server, sha256=SHA256, content=CONTENT):
    server.files["/data/file.bin"] = content
    return RemoteFile(f"{server.url}/data/file.bin", sha256)


def _files_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_whole_and_nothing_else_stays(server, tmp_path):
    path = download(_remote(server), tmp_path / "new" / "folder")
    assert path.read_bytes() == CONTENT
    assert [name for name in _files_in(path.parent) if name != "file.bin.lock"] == ["file.bin"]


@pytest.mark.parametrize("sha256", [SHA256, None])
def test_a_file_that_is_there_is_not_asked_for_again(server, tmp_path, sha256):
    remote = _remote(server, sha256)
    download(remote, tmp_path)
    download(remote, tmp_path)
    assert len(server.requests) == 1


def test_a_damaged_local_file_is_replaced(server, tmp_path):
    (tmp_path / "file.bin").write_bytes(b"something else")
    with pytest.warns(UserWarning, match="differs from the expected one .*downloading it again"):
        path = download(_remote(server), tmp_path)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("cuts", [[100], [1, 2, 3], [5000, 0]])
def test_a_cut_download_goes_on_where_it_ended(server, tmp_path, cuts):
    remote = _remote(server)
    server.cuts = list(cuts)
    with pytest.warns(UserWarning, match=INTERRUPTED):
        path = download(remote, tmp_path, delay=0)
    assert path.read_bytes() == CONTENT
    reached = [sum(cuts[: n + 1]) for n in range(len(cuts))]
    assert server.ranges == [None, *(f"bytes={n}-" if n else None for n in reached)]


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=st.lists(st.integers(0, len(CONTENT) - 1), max_size=4), resumes=st.booleans())
def test_however_it_is_cut_the_file_is_the_same(server, tmp_path_factory, cuts, resumes):
    remote = _remote(server)
    server.cuts, server.resumes = list(cuts), resumes
    folder = tmp_path_factory.mktemp("cuts")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=f".*{INTERRUPTED}")
        path = download(remote, folder, n_retries=5, delay=0)
    server.cuts = []
    assert path.read_bytes() == CONTENT


def test_a_later_call_goes_on_with_what_is_kept(server, tmp_path):
    remote = _remote(server)
    server.cuts = [3000]
    with pytest.raises(OSError, match=r"ended after 3000 of 10240 bytes.*3000 bytes are kept in "):
        download(remote, tmp_path, n_retries=0)
    assert not (tmp_path / "file.bin").exists()
    assert download(remote, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=3000-"]


def test_a_download_that_was_killed_before_its_last_step_asks_for_nothing_more(server, tmp_path):
    remote = _remote(server)
    (tmp_path / "file.bin.part").write_bytes(CONTENT)
    (tmp_path / "file.bin.part.version").write_text('"1"')
    assert download(remote, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [f"bytes={len(CONTENT)}-"]


def test_a_file_that_changed_meanwhile_is_begun_anew(server, tmp_path):
    remote = _remote(server, sha256=None)
    server.cuts = [3000]
    with pytest.raises(OSError, match="3000 bytes are kept"):
        download(remote, tmp_path, n_retries=0)
    server.files["/data/file.bin"] = CONTENT[::-1]
    server.versions["/data/file.bin"] = '"2"'
    assert download(remote, tmp_path).read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("version", ['W/"1"', ""])
def test_without_a_name_for_the_version_a_download_is_begun_anew(server, tmp_path, version):
    remote = _remote(server, sha256=None)
    server.versions["/data/file.bin"] = version
    server.cuts = [3000]
    with pytest.warns(UserWarning, match=INTERRUPTED):
        path = download(remote, tmp_path, delay=0)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, None]


def test_a_wrong_part_is_thrown_away_and_the_file_fetched_again(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(b"of another file")
    (tmp_path / "file.bin.part.version").write_text('"1"')
    path = download(_remote(server), tmp_path)
    assert path.read_bytes() == CONTENT
    assert server.ranges == ["bytes=15-", None]


def test_a_server_that_sends_another_range_is_not_believed(server, tmp_path):
    remote = _remote(server)
    server.cuts, server.range_shift = [3000], 1
    with (
        pytest.warns(UserWarning, match="ended after 3000 of 10240 bytes"),
        pytest.warns(UserWarning, match="range 'bytes 3001-10239/10240', which was not asked for"),
    ):
        path = download(remote, tmp_path, delay=0)
    assert path.read_bytes() == CONTENT


def test_a_tampered_file_is_refused_and_not_kept(server, tmp_path):
    remote = _remote(server, content=CONTENT[:-1] + b"!")
    with pytest.raises(OSError, match=r"^The SHA256 checksum of file\.bin \([0-9a-f]{64}\) d"):
        download(remote, tmp_path)
    assert _files_in(tmp_path) in (["file.bin.lock"], [])
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_failures_that_may_pass_are_tried_again(server, tmp_path, status):
    remote = _remote(server)
    server.statuses = [status, status]
    with pytest.warns(UserWarning, match=INTERRUPTED):
        path = download(remote, tmp_path, n_retries=2, delay=0)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_failures_that_will_not_pass_are_told_at_once(server, tmp_path, status):
    remote = _remote(server)
    server.statuses = [status]
    expected = (
        rf"^{re.escape(remote.url)} could not be downloaded \(HTTP Error {status}: .*\)\. Look "
        r"whether the address is still right, or download the file by hand\.$"
    )
    with pytest.raises(OSError, match=expected):
        download(remote, tmp_path)
    assert len(server.requests) == 1


def test_retries_come_to_an_end(server, tmp_path):
    remote = _remote(server)
    server.statuses = [503] * 9
    with (
        pytest.warns(UserWarning, match=INTERRUPTED),
        pytest.raises(OSError, match="could not be downloaded"),
    ):
        download(remote, tmp_path, n_retries=2, delay=0)
    assert len(server.requests) == 3


def test_a_server_that_is_not_there_is_an_error_with_its_address(tmp_path):
    with pytest.raises(OSError, match=r"^http://127\.0\.0\.1:9/file\.bin could not be downloaded"):
        download(RemoteFile("http://127.0.0.1:9/file.bin"), tmp_path, n_retries=0)


def test_a_stalled_connection_is_given_up(monkeypatch, tmp_path):
    monkeypatch.setattr(_download, "_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/file.bin"
        with pytest.raises(OSError, match="timed out"):
            download(RemoteFile(url), tmp_path, n_retries=0)


@pytest.mark.parametrize(
    "url", ["file:///etc/hostname", "ftp://host/file", "http://host/", "http://host"]
)
def test_other_addresses_are_refused(tmp_path, url):
    with pytest.raises(ValueError, match="is no http or https address of a file"):
        download(RemoteFile(url), tmp_path)


@pytest.mark.parametrize("path", ["/../up.bin", "/a/b%2F..%2Fc", "/x/y.zip?name=/etc/passwd"])
def test_a_file_never_leaves_its_folder(server, tmp_path, path):
    server.files[path] = CONTENT
    found = download(RemoteFile(server.url + path), tmp_path / "here")
    assert found.parent == tmp_path / "here"
    assert _files_in(tmp_path) == ["here"]


@pytest.mark.parametrize("cut", [None, 100])
def test_without_a_length_it_is_told_that_nothing_tells_whether_all_has_come(server, tmp_path, cut):
    server.tells_length, server.cuts = False, [] if cut is None else [cut]
    n_bytes = len(CONTENT) if cut is None else cut
    with pytest.warns(
        UserWarning, match=rf"does not tell how long .* {n_bytes} bytes are there; c"
    ):
        download(_remote(server, None), tmp_path)
    download(_remote(server), tmp_path / "with checksum")


def test_a_file_may_be_downloaded_again(server, tmp_path):
    (tmp_path / "file.bin").write_bytes(CONTENT[:100])
    (tmp_path / "file.bin.part").write_bytes(b"of another file")
    (tmp_path / "file.bin.part.version").write_text('"1"')
    assert download(_remote(server, None), tmp_path).read_bytes() == CONTENT[:100]
    assert download(_remote(server, None), tmp_path, force=True).read_bytes() == CONTENT
    assert server.ranges == [None]


@pytest.mark.parametrize("tells_length", [True, False])
@pytest.mark.parametrize(
    "change", [lambda c: c[:-9], lambda c: c[:40] + b"x" + c[41:], lambda _: b""]
)
def test_a_gzip_file_that_is_not_whole_is_not_kept(server, tmp_path, tells_length, change):
    whole = gzip.compress(CONTENT)
    server.tells_length = tells_length
    server.files["/file.gz"] = change(whole)
    remote = RemoteFile(f"{server.url}/file.gz")
    with pytest.raises(OSError, match=r"^file\.gz is no whole gzip file \(.*was not kept; call "):
        download(remote, tmp_path)
    assert not {"file.gz", "file.gz.part"} & {*_files_in(tmp_path)}
    server.files["/file.gz"] = whole
    assert download(remote, tmp_path).read_bytes() == whole


@pytest.mark.parametrize("address", ["ftp://127.0.0.1:9/file.bin", "file:///etc/hostname"])
def test_no_other_scheme_is_followed(server, tmp_path, address):
    server.moved["/data/file.bin"] = address
    with pytest.raises(OSError, match=r"could not be downloaded \(HTTP Error 302"):
        download(_remote(server, None), tmp_path)


def test_a_file_that_moved_is_followed(server, tmp_path):
    remote = _remote(server)
    server.moved["/old/file.bin"] = remote.url
    found = download(RemoteFile(f"{server.url}/old/file.bin", SHA256), tmp_path)
    assert found.read_bytes() == CONTENT


def test_two_threads_share_one_download(server, tmp_path):
    pytest.importorskip("fcntl")
    remote = _remote(server)
    threads = [threading.Thread(target=download, args=(remote, tmp_path)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_progress_counts_up_to_the_size(server, tmp_path, monkeypatch):
    monkeypatch.setattr(_download, "_CHUNK", 4096)
    told = []
    download(_remote(server), tmp_path, report=lambda *numbers: told.append(numbers))
    assert told == [(4096, 10240), (8192, 10240), (10240, 10240)]


def test_progress_is_logged_only_when_asked_for(caplog):
    with logged_download("file.bin", 0) as report:
        assert report is None
    with caplog.at_level(logging.INFO, logger="skace"), logged_download("file.bin", 1) as report:
        report(500_000, 2_000_000)
        report(600_000, 2_000_000)  # too soon after the line before
        report(2_000_000, 2_000_000)
    expected = ["file.bin: 0.5 of 2.0 MB (25%)", "file.bin: 2.0 of 2.0 MB (100%)"]
    assert caplog.messages == expected


def test_logging_is_left_as_it_was():
    logger = logging.getLogger("skace")
    before = (logger.level, list(logger.handlers))
    with logged_download("file.bin", 1) as report:
        report(1, None)
        assert logger.isEnabledFor(logging.INFO)
    assert (logger.level, list(logger.handlers)) == before
