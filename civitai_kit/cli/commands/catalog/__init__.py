"""`civitai-kit catalog …`: the two catalogs that other programs read."""
