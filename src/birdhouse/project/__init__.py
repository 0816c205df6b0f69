"""Datafiles in: read them, check them, compare with what is live, and migrate to them."""
