"""Version of the installed package, which is told by the tags of its repository."""
# SPDX-License-Identifier: BSD-3-Clause

import re
from importlib.metadata import PackageNotFoundError, version

__all__ = ["installed_version", "release_of"]


def installed_version() -> str:
    """Version by the metadata of the installation; "0+unknown" for a folder that is just read."""
    try:
        return version("skace")
    except PackageNotFoundError:
        return "0+unknown"


def release_of(text: str) -> list[int]:
    """Numbers of the release that a version is or leads to: 0 and 2 for 0.2.0.dev3+g1f."""
    numbers = re.match(r"\d+(?:\.\d+)*", text)
    release = [int(number) for number in numbers[0].split(".")] if numbers else []
    while release and release[-1] == 0:
        release.pop()
    return release
