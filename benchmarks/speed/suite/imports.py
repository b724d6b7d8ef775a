"""What `import skace` costs beyond scikit-learn."""
# SPDX-License-Identifier: BSD-3-Clause

import subprocess
import sys


def _run(words):
    subprocess.run([sys.executable, "-c", words], check=True)


class Import:
    """A fresh interpreter each; the difference of the two is skace's own."""

    def time_skace(self):
        _run("import skace")

    def time_sklearn(self):
        _run("import sklearn")
