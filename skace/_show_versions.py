"""Show versions: what a bug report should say of the machine."""
# SPDX-License-Identifier: BSD-3-Clause

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from threadpoolctl import threadpool_info

__all__ = ["show_versions"]

_PACKAGES = [
    "skace",
    "numpy",
    "scipy",
    "scikit-learn",
    "joblib",
    "narwhals",
    "threadpoolctl",
    "torch",
    "sentence-transformers",
    "transformers",
    "peft",
    "skops",
    "pandas",
    "polars",
    "pyarrow",
    "matplotlib",
    "rich",
]


def show_versions() -> None:
    """Print versions and hardware, for bug reports.

    It prints the system, the versions of the packages that skace uses or can use, the build,
    threads and CUDA devices of torch, and the thread pools of this process. Packages that are not
    installed are listed as such. The call imports torch.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    >>> import skace
    >>> skace.show_versions()  # doctest: +SKIP
    """
    sections = {
        "System": _describe_system(),
        "Python packages": [(name, _version_of(name)) for name in _PACKAGES],
        "Torch": _describe_torch(),
        "Thread pools": _describe_pools(),
    }
    sys.stdout.write("\n".join(_section(title, facts) for title, facts in sections.items()))


def _section(title, facts):
    """Text of a section: a heading and one line for each fact."""
    width = max((len(name) for name, _ in facts), default=0)
    return f"{title}:\n" + "".join(f"{name:>{width}}: {fact}\n" for name, fact in facts)


def _describe_system():
    """Python and machine."""
    return [
        ("python", sys.version.replace("\n", " ")),
        ("executable", sys.executable),
        ("machine", platform.platform()),
        ("CPU cores", os.cpu_count()),
    ]


def _version_of(package):
    """Installed version, read from metadata: nothing is imported."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _describe_torch():
    """What torch says of itself, or why it cannot be imported."""
    try:
        from skace._torch._versions import describe_torch
    except (ImportError, OSError) as error:  # OSError: a library of the build is missing
        return [("cannot be imported", error)]
    return list(describe_torch().items())


def _describe_pools():
    """Libraries with threads of their own that are loaded by now."""
    return [
        (
            f"{pool['user_api']} ({pool['prefix']})",
            f"{pool['num_threads']} threads, version {pool['version'] or 'unknown'}",
        )
        for pool in threadpool_info()
    ]
