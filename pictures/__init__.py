"""Pictures of the terminal for the documents, taken of the program itself at work against the sandbox."""
