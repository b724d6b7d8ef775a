"""From item texts to vectors."""
# SPDX-License-Identifier: BSD-3-Clause
