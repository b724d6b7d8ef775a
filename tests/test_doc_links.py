"""HTML reprs: they lead to the documentation and show what was learned."""
# SPDX-License-Identifier: BSD-3-Clause

import inspect
import re

import pytest
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from skace import PopularityEstimator, SASRecEstimator, embeddings, item_tables, recommenders
from skace._doc_links import DOCS_URL
from skace.embeddings import GlobalScaler
from skace.testing._data import make_check_data

CLASSES = {
    f"{package.__name__}.{name}": getattr(package, name)
    for package in (embeddings, item_tables, recommenders)
    for name in package.__all__
    if inspect.isclass(getattr(package, name))
    and issubclass(getattr(package, name), BaseEstimator)
    and not inspect.isabstract(getattr(package, name))
}


class OwnRecommender(PopularityEstimator):
    """A class outside of skace."""


def shown(estimator):
    """Fitted attributes in the HTML of an estimator, as name and value."""
    html = estimator._get_fitted_attr_html(estimator._get_doc_link())._repr_html_inner()
    rows = re.findall(r'<tr class="default">(.*?)</tr>', html, flags=re.DOTALL)
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row, flags=re.DOTALL) for row in rows]
    names = [re.search(r"(\w+_)\b", re.sub(r"<[^>]*>", "", row[0]))[1] for row in cells]
    return dict(zip(names, [row[2] for row in cells], strict=True))


@pytest.mark.parametrize("name", CLASSES)
def test_every_estimator_leads_to_its_page(name):
    link = CLASSES[name]._get_doc_link(object.__new__(CLASSES[name]))
    assert link == f"{DOCS_URL}/api/generated/{name}.html"


@pytest.fixture(autouse=True)
def _default_address(monkeypatch):
    monkeypatch.delenv("SKACE_DOCS_URL", raising=False)


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("https://docs.example.org/skace", "https://docs.example.org/skace"),
        ("file:///usr/share/skace/", "file:///usr/share/skace"),
        ("https://docs.example.org/{latest}", "https://docs.example.org/{latest}"),
        ("", DOCS_URL),
    ],
)
def test_the_environment_says_where_the_pages_are(given, address, monkeypatch):
    scaler = GlobalScaler()
    monkeypatch.setenv("SKACE_DOCS_URL", given)
    link = f"{address}/api/generated/skace.embeddings.GlobalScaler.html"
    assert scaler._get_doc_link() == link
    assert f'href="{link}"' in scaler._repr_html_()


def test_a_class_of_elsewhere_has_no_page():
    assert OwnRecommender()._get_doc_link() == ""


def test_a_pipeline_shows_the_pages_of_its_steps():
    html = Pipeline([("scale", GlobalScaler()), ("rec", PopularityEstimator())])._repr_html_()
    for name in ("skace.embeddings.GlobalScaler", "skace.recommenders.PopularityEstimator"):
        assert f'href="{DOCS_URL}/api/generated/{name}.html"' in html


def test_a_fitted_model_shows_what_it_learned_and_sums_up_its_weights():
    model = SASRecEstimator(
        max_epochs=1, max_length=4, n_layers=1, early_stopping=False, random_state=0
    ).fit(make_check_data().X_train)
    found = shown(model)
    weights = model.encoder_state_
    n_numbers = sum(array.size for array in weights.values())
    assert found["encoder_state_"] == f"{len(weights)} arrays, {n_numbers:,} numbers"
    assert found["n_iter_"] == "1"
    assert found["architecture_"].startswith("{")
    assert found["item_counts_"].startswith("[")
    assert set(model._fitted_state()) <= set(found)


def test_attributes_are_explained_where_the_pointer_rests():
    model = PopularityEstimator(k=1).fit([["pen", "ink"]])
    assert "Training rows per item, counted by their" in model._repr_html_()
