"""Which weights a model's name stands for, found out without loading them."""
# SPDX-License-Identifier: BSD-3-Clause

import hashlib
import os
from pathlib import Path
from typing import Any

__all__ = ["hub_commit", "hub_folder", "local_fingerprint"]

# Files of a model folder on which no vector depends.
_IGNORED = {".gitattributes", ".gitignore", "README.md", "LICENSE"}

_digests: dict[tuple[str, int, int], bytes] = {}


def local_fingerprint(folder: Path) -> str:
    """Hash of all files of a model folder, wherever it lies.

    A file is read once per process, as long as its size and time do not change.
    """
    digest = hashlib.blake2b(digest_size=12)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in _IGNORED:
            digest.update(f"{path.relative_to(folder).as_posix()}\0".encode())
            digest.update(_file_digest(path))
    return digest.hexdigest()


def _file_digest(path: Path) -> bytes:
    """Hash of one file, remembered."""
    status = path.stat()
    key = (str(path.resolve()), status.st_size, status.st_mtime_ns)
    if key not in _digests:
        with path.open("rb") as file:
            _digests[key] = hashlib.file_digest(
                file, lambda: hashlib.blake2b(digest_size=16)
            ).digest()
    return _digests[key]


def hub_commit(model: str, revision: str | None) -> str | None:
    """Commit of a model of the Hugging Face Hub that is on this machine, else None."""
    folder = hub_folder(model, revision)
    # <cache>/models--<name>/snapshots/<commit>
    return None if folder is None else folder.name


def hub_folder(model: str, revision: str | None) -> Path | None:
    """Folder of a model of the Hugging Face Hub that is on this machine, else None."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    folder = os.environ.get("SENTENCE_TRANSFORMERS_HOME")
    names = [model] if "/" in model else [f"sentence-transformers/{model}", model]
    for name in names:
        for file in ("modules.json", "config.json"):
            try:
                found: Any = try_to_load_from_cache(name, file, cache_dir=folder, revision=revision)
            except ValueError:  # no name of the Hub; whoever loads it will say so
                return None
            if isinstance(found, str):
                return Path(found).parent
    return None
