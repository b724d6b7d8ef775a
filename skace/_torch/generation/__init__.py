"""Encoder-decoders that read passages and spell out ids of items."""
# SPDX-License-Identifier: BSD-3-Clause
