"""Looking after what was downloaded."""
