"""How Sphinx builds the pages: `make docs`."""
# SPDX-License-Identifier: BSD-3-Clause

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import skace

project = "skace"
author = "The skace developers"
copyright = author  # noqa: A001 (Sphinx's name)
version = release = skace.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "sphinxcontrib.towncrier.ext",
    "sphinxext.opengraph",
    "dark_pictures",
    "gallery_pages",
    "mathml",
    "measured",
    "measured_chart",
    "measured_tables",
    "metric_names",
    "public_names",
    "type_lines",
]
# Change notes are input of towncrier; the others are written by the build itself.
exclude_patterns = ["_build", "_ext", "_templates", "changes", "gallery/backreferences"]
templates_path = ["_templates"]
# What's new: the change notes that no version has yet.
towncrier_draft_autoversion_mode = "draft"
towncrier_draft_include_empty = False
towncrier_draft_working_directory = str(Path(__file__).parents[1])
# Previews of links: title and first sentences of a page.
ogp_social_cards = {"enable": False}
ogp_enable_meta_description = True
extlinks = {"arxiv": ("https://arxiv.org/abs/%s", "arXiv:%s")}
extlinks_detect_hardcoded_links = False
smartquotes = False

# Reference pages: one per public name, from its docstring.
default_role = "py:obj"
autosummary_generate = True
autosummary_filename_map = {
    # The same file as that of the class Hubness where file names ignore case.
    "skace.embeddings.hubness": "skace.embeddings.hubness_function",
}
autodoc_typehints = "none"  # the docstrings name types, shapes and ranges
add_module_names = False
numpydoc_show_class_members = False  # the template lists members
numpydoc_xref_param_type = False

# Gallery: examples/plot_*.py. `-D plot_gallery=0` leaves them unexecuted.
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"(?:^|/)(?!plot_)[^/]*\.py$",
    "within_subsection_order": "gallery_pages.in_order_of_reading",
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("skace",),
    "reference_url": {"skace": None},
    "show_memory": False,
    "min_reported_time": 1,
    "write_computation_times": False,
    "reset_modules": ("matplotlib",),
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_signature": False,
    "thumbnail_size": (400, 280),
    "image_scrapers": ("gallery_pictures.keep_pictures",),
}

html_theme = "pydata_sphinx_theme"
html_title = "skace"
html_favicon = "_static/skace.svg"
html_context = {"default_mode": "auto"}
html_static_path = ["_static"]
html_css_files = ["skace.css"]
html_theme_options = {
    "logo": {
        "text": f"skace {release.partition('+')[0]}",  # a commit is too long for a telephone
        "image_light": "_static/skace.svg",
        "image_dark": "_static/skace.svg",
    },
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "navigation_with_keys": False,
    "show_toc_level": 2,
}
html_sidebars = {name: [] for name in ("index", "install", "faq", "migration", "results")}
# Signatures of many parameters: one a line.
maximum_signature_line_length = 80
python_maximum_signature_line_length = 80
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
