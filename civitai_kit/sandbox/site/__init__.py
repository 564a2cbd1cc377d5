"""The first host: the API, and downloads up to their redirect."""
