"""What the tool does, knowing the world only through its ports."""
