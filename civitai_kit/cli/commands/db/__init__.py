"""`civitai-kit db …`: what is remembered of downloads."""
