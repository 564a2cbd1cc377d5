"""The second host: signed model files, pictures and clips."""
