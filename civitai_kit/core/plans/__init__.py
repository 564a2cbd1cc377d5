"""What is to be fetched, by what it is proved, and what came of it."""
