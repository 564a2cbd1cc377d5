"""The sandbox as a fixture for the whole suite: `civitai_sandbox`."""

pytest_plugins = ["civitai_kit.testing"]
