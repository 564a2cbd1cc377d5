"""What another program asks over HTTP: the catalogs, the pages of the library, and on request the model files."""
