"""TextTemplate: one text per item from its columns."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping
from string import Formatter

__all__ = ["TextTemplate"]

_ALL_COLUMNS = ("values", "fields")


class TextTemplate:
    """A text with placeholders, filled in row by row.

    ``{title}`` is the value of that column, ``{values}`` all non-empty values with full
    stops between them ("Lip Balm. Burt's Bees. Lips"), ``{fields}`` "name: value;" for each
    value that is not empty ("title: Lip Balm; brand: Burt's Bees;").

    Parameters
    ----------
    template : str
        The text. Double braces stand for braces.

    Raises
    ------
    ValueError
        If a placeholder is not closed, has no name, or asks for more than a value.
    """

    def __init__(self, template: str) -> None:
        self.template = template
        try:
            self._parts = list(Formatter().parse(template))
        except ValueError as error:
            raise ValueError(
                f"template={template!r} is malformed ({error}); write placeholders as {{title}}."
            ) from error
        for _, name, form, conversion in self._parts:
            if name == "" or form or conversion:
                raise ValueError(
                    f"template={template!r} holds a placeholder that is not just a name; write "
                    "placeholders as {title}, and {{ for a brace."
                )
        names = [name for _, name, _, _ in self._parts if name]
        if not names:
            raise ValueError(
                f"template={template!r} has no placeholder, so that all texts would be equal; add "
                "{values}, {fields} or the name of a column in braces."
            )
        self.reads_all = any(name in _ALL_COLUMNS for name in names)
        self.names = [name for name in dict.fromkeys(names) if name not in _ALL_COLUMNS]

    def check_columns(self, columns: list[str]) -> None:
        """Raise unless all columns that are asked for by name are there."""
        absent = [name for name in self.names if name not in columns]
        if absent:
            raise ValueError(
                f"template={self.template!r} names {absent[0]!r}, but the columns are "
                f"{', '.join(map(repr, columns))}."
            )
        if self.reads_all and set(columns) & set(_ALL_COLUMNS):
            raise ValueError(
                f"a column is called {(set(columns) & set(_ALL_COLUMNS)).pop()!r}, which has a "
                "meaning of its own in template; rename the column."
            )

    def columns_read(self, columns: list[str]) -> list[str]:
        """Return those of the columns on which the text depends."""
        return columns if self.reads_all else self.names

    def render(self, columns: dict[str, list[str]]) -> list[str]:
        """Return one text per row; the empty text where all columns are empty.

        Parameters
        ----------
        columns : dict of str to list of str
            Values of the columns, all lists of one length.
        """
        names = list(columns)
        places = [names.index(name) for name in self.columns_read(names)]
        return [
            self.fill(dict(zip(names, row, strict=True))) if any(row[p] for p in places) else ""
            for row in zip(*columns.values(), strict=True)
        ]

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the text of one row; what it lacks counts as empty."""
        filled = []
        for literal, name, _, _ in self._parts:
            filled.append(literal)
            if name == "values":
                filled.append(". ".join(value for value in values.values() if value))
            elif name == "fields":
                filled.append(
                    " ".join(f"{key}: {value};" for key, value in values.items() if value)
                )
            elif name:
                filled.append(values.get(name, ""))
        return "".join(filled).strip()
