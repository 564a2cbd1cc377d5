"""The commands that know, keep and show the model files of a person."""
