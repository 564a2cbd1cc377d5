"""What Civitai says and may be asked."""
