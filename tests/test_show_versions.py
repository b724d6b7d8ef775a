"""show_versions: what a bug report needs, whatever is installed."""
# SPDX-License-Identifier: BSD-3-Clause

from importlib.metadata import PackageNotFoundError, version

import pytest

import skace
from skace import _show_versions
from skace._version import installed_version, release_of


def report(capsys):
    """Lines that show_versions prints, by name."""
    _show_versions.show_versions()
    out = capsys.readouterr().out
    return out, dict(line.strip().split(": ", 1) for line in out.splitlines() if ": " in line)


@pytest.mark.parametrize("package", ["skace", "numpy", "scikit-learn", "torch", "skops"])
def test_versions_are_those_that_are_installed(package, capsys):
    _, facts = report(capsys)
    assert facts[package] == version(package)


def test_the_report_has_its_sections_in_order(capsys):
    out, facts = report(capsys)
    titles = [line for line in out.splitlines() if line.endswith(":")]
    assert titles == ["System:", "Python packages:", "Torch:", "Thread pools:"]
    assert {"python", "machine", "build", "threads in an operation", "CUDA devices"} <= set(facts)


def test_a_package_that_is_absent_is_named(monkeypatch, capsys):
    def version_without_polars(name):
        if name == "polars":
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(_show_versions, "version", version_without_polars)
    assert report(capsys)[1]["polars"] == "not installed"


@pytest.mark.usefixtures("no_torch")
def test_without_torch_it_says_how_to_get_it(capsys):
    _, facts = report(capsys)
    assert facts["cannot be imported"].startswith("Networks need torch, which is not installed.")


@pytest.mark.cuda
def test_cuda_devices_are_listed(capsys):
    _, facts = report(capsys)
    assert facts["cuda:0"].endswith(" GiB")


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("0.2.0.dev3+g1f", [0, 2]),
        ("1.10.2", [1, 10, 2]),
        ("2", [2]),
        ("0+unknown", []),
        ("unknown", []),
    ],
)
def test_a_version_belongs_to_a_release(text, release):
    assert release_of(text) == release


def test_the_version_is_that_of_the_installation(monkeypatch):
    assert skace.__version__ == installed_version()

    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr("skace._version.version", absent)
    assert installed_version() == "0+unknown"
