"""The bytes so far, safe on disk, and the journal that vouches for them."""
