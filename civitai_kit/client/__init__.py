"""Asking Civitai: every endpoint once, driven by a blocking and an asynchronous client."""
