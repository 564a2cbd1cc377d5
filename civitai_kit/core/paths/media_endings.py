"""The endings of pictures and clips, as their bytes tell them and as files of this field have them."""

from __future__ import annotations

STILLS = (".jpeg", ".png", ".webp", ".gif", ".avif", ".heic", ".heif")
CLIPS = (".mp4", ".webm", ".mov", ".m4v", ".3gp", ".3g2")
SOUNDS = (".mp3", ".m4a")
# What is never written here and stands for one of these.
OTHER_SPELLINGS = (".jpg", ".jfif")
MEDIA = frozenset({*STILLS, *CLIPS, *SOUNDS, *OTHER_SPELLINGS})
# A clip may come as an animated picture.
MOVING = frozenset({*CLIPS, ".gif"})
