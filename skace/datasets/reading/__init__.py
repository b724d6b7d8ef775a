"""What readers of published files share: containers, lines, fields, texts, tables."""
# SPDX-License-Identifier: BSD-3-Clause
