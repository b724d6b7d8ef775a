"""Write small files of what came after `write_newer_files` had written its own, for the same tests.

Run once, with the code of that time: ``python tests/files/write_repeat_files.py
tests/files/format1_repeat.zip``. What comes later gets a file of its own alike.
"""
# SPDX-License-Identifier: BSD-3-Clause

import sys

from write_files import write_archive

from skace.recommenders import RepeatEstimator


def estimators():
    """All of them by name, unfitted."""
    yield "repeat", RepeatEstimator(k=2)
    yield "repeat, counted", RepeatEstimator(k=2, history_decay=None, popularity_weight=0.5)


if __name__ == "__main__":
    write_archive(sys.argv[1], estimators())
