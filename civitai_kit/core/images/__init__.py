"""Images: what is asked for, where each goes, and its generation data."""
