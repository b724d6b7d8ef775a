"""Install a built wheel into an environment of its own and run the first example of the README.

``python tests/bare_install.py dist --stack lowest`` takes the lowest versions that it allows;
``--python python3.13`` takes another interpreter.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import re
import subprocess
import sys
import tempfile
from email import message_from_bytes
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).parents[1]

# Runs the first block of the text in argv[3]; argv[1:3] are where skace is to be, and its version.
RUN_README = """
import re, sys, warnings
import numpy as np, polars
import skace
from sklearn.exceptions import ConvergenceWarning

warnings.simplefilter("ignore", ConvergenceWarning)
assert skace.__file__.startswith(sys.argv[1]), skace.__file__
assert skace.__version__ == sys.argv[2], skace.__version__
rng = np.random.default_rng(0)
ids = np.array([f"B{number:03d}" for number in range(150)])
starts = rng.integers(150, size=40)
log = polars.DataFrame({
    "user_id": np.repeat(np.arange(40), 5),
    "item_id": ids[(starts[:, None] + np.arange(5)) % 150].ravel(),
    "timestamp": np.tile(np.arange(5), 40),
})
vectors = rng.standard_normal((150, 160))
items = polars.DataFrame({"item_id": ids, "vector": [list(vector) for vector in vectors]})
blocks = re.findall(r"code-block:: python\\n\\n((?:    .*\\n|\\n)+)", sys.argv[3])
for block in blocks[:1]:
    exec(re.sub("^    ", "", block, flags=re.M))
print(pipe.predict([["B001", "B007"]]).shape, "in", skace.__version__)
"""


def run(*words, **options):
    """What a command prints."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout


def metadata_of(wheel):
    """What a wheel says of itself."""
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


def lowest(metadata):
    """The lowest versions of what is always needed, for pip."""
    needed = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert all(re.fullmatch(r"[\w.-]+>=[\w.]+", line) for line in needed), needed
    return [line.replace(">=", "==") for line in needed]


def main(words=None):
    """Print what the example prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="with one wheel")
    parser.add_argument("--stack", choices=["newest", "lowest"], default="newest")
    parser.add_argument("--python", default=sys.executable, help="that makes the environment")
    parser.add_argument("--torch", help="for pip, as torch==2.13.0, in place of the stack's")
    arguments = parser.parse_args(words)
    (wheel,) = arguments.folder.resolve().glob("*.whl")
    metadata = metadata_of(wheel)
    pins = lowest(metadata) if arguments.stack == "lowest" else []
    if arguments.torch:
        pins = [*(pin for pin in pins if not pin.startswith("torch==")), arguments.torch]
    with tempfile.TemporaryDirectory() as place:
        run(arguments.python, "-m", "venv", place)
        python = str(Path(place) / "bin" / "python")
        if arguments.torch:  # first, or pip takes the newest and then another one
            run(python, "-m", "pip", "install", "-q", arguments.torch)
        run(python, "-m", "pip", "install", "-q", str(wheel), "polars", *pins)
        readme = (ROOT / "README.rst").read_text(encoding="utf-8")
        words = (python, "-P", "-c", RUN_README, place, metadata["Version"], readme)
        print(arguments.stack, run(python, "--version").strip(), run(*words, cwd=place).strip())


if __name__ == "__main__":
    main()
