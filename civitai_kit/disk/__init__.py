"""The machine's own files: free space, walks, hashes, atomic writes and the save path's lock."""
