"""The commands: the tree of files is the tree of commands."""
