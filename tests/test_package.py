"""What is published: wheel and sdist hold the package, know their version, and run."""
# SPDX-License-Identifier: BSD-3-Clause

import re
import runpy
import shutil
import sys
import tarfile
from email import message_from_string
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = runpy.run_path(str(ROOT / "tests" / "bare_install.py"))
RUN_README, lowest, metadata_of, run = (
    SCRIPT[name] for name in ("RUN_README", "lowest", "metadata_of", "run")
)
TREE = ["skace", "README.rst", "CHANGES.rst", "CITATION.cff", "LICENSE", "SECURITY.rst"]
TREE.append("pyproject.toml")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """The files that make a package, as a repository of one commit with a tag."""
    for tool in ("build", "hatchling", "hatch_vcs", "twine"):
        pytest.importorskip(tool)
    folder = tmp_path_factory.mktemp("package") / "tree"
    folder.mkdir()
    for name in TREE:
        if name == "skace":
            leave = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=leave)
        else:
            shutil.copy(ROOT / name, folder / name)
    (folder / "tests").mkdir()
    (folder / "tests" / "secret.csv").write_text("not to be published")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-C", str(folder)]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "all"], ["tag", "v7.8.9"]):
        run(*git, *words)
    return folder


@pytest.fixture(scope="module")
def dist(tree):
    """Folder with the sdist, and the wheel that is built from it."""
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", "dist", ".", cwd=tree)
    return tree / "dist"


@pytest.mark.minutes
def test_the_version_is_that_of_the_tag(dist):
    assert sorted(path.name for path in dist.iterdir()) == [
        "skace-7.8.9-py3-none-any.whl",
        "skace-7.8.9.tar.gz",
    ]


@pytest.mark.minutes
def test_a_tree_without_git_or_tags_has_a_version(tree, tmp_path):
    shutil.copytree(tree, tmp_path / "tree", ignore=shutil.ignore_patterns(".git", "dist"))
    words = [sys.executable, "-m", "hatchling", "version"]
    assert run(*words, cwd=tmp_path / "tree").strip() == "0.1.0.dev0"
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-C", str(tmp_path / "tree")]
    for more in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
        run(*git, *more)
    assert re.match(r"0\.1\.0\.dev\d+\+g[0-9a-f]+", run(*words, cwd=tmp_path / "tree"))


@pytest.mark.minutes
def test_both_files_hold_the_package_and_nothing_else(dist):
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    own = {path.relative_to(ROOT) for path in (ROOT / "skace").rglob("*") if path.is_file()}
    own = {path.as_posix() for path in own if "__pycache__" not in path.parts}
    names = set(ZipFile(wheel).namelist())
    info = "skace-7.8.9.dist-info/"
    assert "skace/py.typed" in names
    assert {name for name in names if not name.startswith(info)} == own
    with tarfile.open(sdist) as archive:
        members = {name.removeprefix("skace-7.8.9/") for name in archive.getnames()}
    # hatchling adds what a build needs and what keeps it clean.
    assert members == own | set(TREE) - {"skace"} | {"PKG-INFO", ".gitignore"} & members


@pytest.mark.minutes
def test_metadata_are_ready_to_publish(dist):
    printed = run(sys.executable, "-m", "twine", "check", "--strict", *map(str, dist.iterdir()))
    assert printed.count("PASSED") == 2
    (wheel,) = dist.glob("*.whl")
    text = ZipFile(wheel).read("skace-7.8.9.dist-info/METADATA").decode()
    metadata = message_from_string(text)
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/x-rst"
    assert metadata.get_payload().strip() == (ROOT / "README.rst").read_text("utf-8").strip()
    assert "Typing :: Typed" in metadata.get_all("Classifier")


@pytest.mark.minutes
def test_the_example_of_the_front_page_runs_from_the_wheel(dist, tmp_path):
    (wheel,) = dist.glob("*.whl")
    ZipFile(wheel).extractall(tmp_path / "site")  # which is what pip does to one
    readme = (ROOT / "README.rst").read_text(encoding="utf-8")
    words = [sys.executable, "-P", "-c", RUN_README, str(tmp_path / "site"), "7.8.9", readme]
    environment = {"PYTHONPATH": str(tmp_path / "site"), "OMP_NUM_THREADS": "1", "PATH": ""}
    printed = run(*words, cwd=tmp_path, env=environment)
    assert printed == "(1, 10) in 7.8.9\n"


@pytest.mark.minutes
def test_the_lowest_stack_is_what_the_wheel_allows(dist):
    (wheel,) = dist.glob("*.whl")
    metadata = metadata_of(wheel)
    assert metadata["Version"] == "7.8.9"
    pins = dict(pin.split("==") for pin in lowest(metadata))
    assert pins["scikit-learn"] == "1.9"
    assert "torch" in pins
    assert "polars" not in pins, "an extra is not always needed"


def test_the_matrix_has_every_interpreter_and_both_stacks():
    yaml = pytest.importorskip("yaml")
    jobs = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text("utf-8"))["jobs"]
    matrices = {name: job["strategy"]["matrix"] for name, job in jobs.items()}
    assert matrices["tests"]["python"] == matrices["package"]["python"]
    assert matrices["tests"]["python"] == ["3.11", "3.12", "3.13", "3.14"]
    assert matrices["package"]["stack"] == ["newest"]
    assert matrices["package"]["include"] == [{"python": "3.11", "stack": "lowest"}]
    words = " ".join(step.get("run", "") for job in jobs.values() for step in job["steps"]).split()
    assert all((ROOT / word).exists() for word in words if word.startswith("tests/"))
