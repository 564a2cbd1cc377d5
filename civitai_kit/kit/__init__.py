"""Settings → working parts: the only place that builds them."""
