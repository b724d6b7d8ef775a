"""Templates: one text per item from its columns."""
# SPDX-License-Identifier: BSD-3-Clause

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skace.embeddings.text._template import TextTemplate

COLUMNS = {
    "title": ["Lip Balm", "", "Soap", ""],
    "brand": ["Burt's Bees", "Dove", "", ""],
    "categories": ["Lips", "Bath", "", ""],
}


@pytest.mark.parametrize(
    ("template", "texts"),
    [
        ("{values}", ["Lip Balm. Burt's Bees. Lips", "Dove. Bath", "Soap", ""]),
        (
            "{fields}",
            [
                "title: Lip Balm; brand: Burt's Bees; categories: Lips;",
                "brand: Dove; categories: Bath;",
                "title: Soap;",
                "",
            ],
        ),
        (
            "Sold by a beauty shop. {fields}",
            [
                "Sold by a beauty shop. title: Lip Balm; brand: Burt's Bees; categories: Lips;",
                "Sold by a beauty shop. brand: Dove; categories: Bath;",
                "Sold by a beauty shop. title: Soap;",
                "",
            ],
        ),
        ("{title}", ["Lip Balm", "", "Soap", ""]),
        ("{title} by {brand}", ["Lip Balm by Burt's Bees", "by Dove", "Soap by", ""]),
        ("{{{title}}}", ["{Lip Balm}", "", "{Soap}", ""]),
        ("{title} {title}", ["Lip Balm Lip Balm", "", "Soap Soap", ""]),
    ],
)
def test_rows_become_texts_and_rows_without_values_the_empty_text(template, texts):
    assert TextTemplate(template).render(COLUMNS) == texts


@pytest.mark.parametrize(
    ("template", "names", "reads_all"),
    [
        ("{values}", [], True),
        ("{b} and {a} and {b}", ["b", "a"], False),
        ("{a}: {fields}", ["a"], True),
        ("{main.category} {x y}", ["main.category", "x y"], False),
    ],
)
def test_a_template_knows_what_it_reads(template, names, reads_all):
    found = TextTemplate(template)
    assert (found.names, found.reads_all) == (names, reads_all)


def test_names_are_columns_and_never_attributes():
    columns = {"title.__class__": ["a"], "title": ["b"]}
    assert TextTemplate("{title.__class__}").render(columns) == ["a"]


@given(
    st.lists(
        st.tuples(st.text(max_size=5).map(str.strip), st.text(max_size=5).map(str.strip)),
        max_size=6,
    )
)
def test_a_text_is_empty_if_and_only_if_all_its_columns_are(rows):
    columns = {"a": [row[0] for row in rows], "b": [row[1] for row in rows]}
    for template in ("{values}", "{fields}", "Always this. {fields}"):
        texts = TextTemplate(template).render(columns)
        assert [bool(text) for text in texts] == [any(row) for row in rows]


@pytest.mark.parametrize(
    ("template", "finding"),
    [
        ("no placeholder", "has no placeholder, so that all texts would be equal"),
        ("{{title}}", "has no placeholder"),
        ("", "has no placeholder"),
        ("{", "is malformed"),
        ("{title", "is malformed"),
        ("}", "is malformed"),
        ("{}", "holds a placeholder that is not just a name"),
        ("{title:>9}", "holds a placeholder that is not just a name"),
        ("{title!r}", "holds a placeholder that is not just a name"),
    ],
)
def test_malformed_templates_are_refused(template, finding):
    with pytest.raises(ValueError, match=f"^template='.*' {finding}"):
        TextTemplate(template)


@pytest.mark.parametrize(
    ("template", "columns", "finding"),
    [
        ("{title}", ["name"], r"^template='{title}' names 'title', but the columns are 'name'\.$"),
        ("{values}", ["values"], r"^a column is called 'values', which has a meaning of its own"),
        ("{fields}", ["a", "fields"], r"^a column is called 'fields'"),
    ],
)
def test_columns_have_to_suit_the_template(template, columns, finding):
    with pytest.raises(ValueError, match=finding):
        TextTemplate(template).check_columns(columns)
