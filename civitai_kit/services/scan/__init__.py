"""Phase one: the site is asked, and a plan made."""
