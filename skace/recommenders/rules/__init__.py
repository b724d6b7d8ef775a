"""Rules of an answer: which items may be in a list, and how many of a kind."""
# SPDX-License-Identifier: BSD-3-Clause
