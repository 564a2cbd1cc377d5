"""The catalogs that other programs read: their form, what becomes an entry, and where it belongs."""
