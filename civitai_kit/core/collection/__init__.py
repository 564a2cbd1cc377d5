"""What is remembered of downloads, judged, moved and removed."""
