"""Run the code of a page of the guide in a folder, and print what its lines say.

For figures on pages: each line that ends in a comment is printed with its value instead.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import ast
import os
import tempfile
import warnings
from pathlib import Path

from docutils.core import publish_doctree
from docutils.nodes import literal_block


def blocks_of(page):
    """Python code of a page, in its order."""
    tree = publish_doctree(page.read_text(encoding="utf-8"), settings_overrides=QUIET)
    return [block.astext() for block in tree.findall(literal_block) if "python" in block["classes"]]


QUIET = {"report_level": 5}  # roles and directives of Sphinx are not known here


def answers_of(page):
    """Yield the source and value of each expression, in the order of the page."""
    names = {}
    for block in blocks_of(page):
        for statement in ast.parse(block).body:
            source = ast.get_source_segment(block, statement)
            if isinstance(statement, ast.Expr):
                yield source, eval(source, names)  # noqa: S307
            else:
                exec(source, names)  # noqa: S102


def main(words=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("--folder", type=Path, nargs="*", default=[], help="to link beside it")
    arguments = parser.parse_args(words)
    page = arguments.page.absolute()
    folders = [folder.absolute() for folder in arguments.folder]
    with tempfile.TemporaryDirectory() as place:
        for folder in folders:
            Path(place, folder.name).symlink_to(folder)
        os.chdir(place)
        warnings.simplefilter("ignore")
        for source, value in answers_of(page):
            print(f"{source}  # {value!r}")


if __name__ == "__main__":
    main()
