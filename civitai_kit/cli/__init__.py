"""What a person types and sees: the only room that prints, asks and exits."""
