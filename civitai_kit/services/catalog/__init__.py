"""The catalogs on disk: looked up, added to, moved between, removed from."""
