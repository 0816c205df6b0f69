"""Tinybird's HTTP API, one module a family: translate, authorise, answer. No SQL lives here."""
