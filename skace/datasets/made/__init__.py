"""Made-up logs: shops, and data with a known answer."""
# SPDX-License-Identifier: BSD-3-Clause
