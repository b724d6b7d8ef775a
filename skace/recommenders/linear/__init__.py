"""Recommenders with a closed form."""
# SPDX-License-Identifier: BSD-3-Clause
