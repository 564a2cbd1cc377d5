"""What a person types and answers."""
