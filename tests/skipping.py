"""Why tests are left out: what a machine may lack."""

from __future__ import annotations

NO_BROWSER = "no browser: install chromium and chromium-driver"
NO_INDEX = "package index"
"""Part of each reason that is about clients that could not be fetched."""
