"""Galleries: listed, chosen, put in place, remembered."""
