"""A second drawing of a picture, for the dark."""
# SPDX-License-Identifier: BSD-3-Clause

from pathlib import Path

from docutils import nodes
from sphinx.transforms import SphinxTransform

__all__ = ["DarkPictures", "setup"]


class DarkPictures(SphinxTransform):
    """Show a picture's drawing for the dark, ``name_dark.png``, where there is one."""

    default_priority = 500

    def apply(self, **_kwargs):
        """Put the dark drawing behind each picture; the theme shows one of them."""
        page = Path(self.env.doc2path(self.env.docname))
        for image in list(self.document.findall(nodes.image)):
            path = Path(image["uri"])
            name = f"{path.stem}_dark{path.suffix}"
            if not (page.parent / path).with_name(name).exists():
                continue
            dark = image.deepcopy()
            dark["uri"] = path.with_name(name).as_posix()
            image["classes"].append("only-light")
            dark["classes"].append("only-dark")
            image.parent.insert(image.parent.index(image) + 1, dark)


def setup(app):
    """Let sphinx know."""
    app.add_transform(DarkPictures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
