"""How files are opened, replaced and synced, and what the system refuses in our words; every room that has files."""
