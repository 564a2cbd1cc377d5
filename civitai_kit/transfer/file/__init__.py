"""How one file comes: attempts, reading, writing, proof, and its final name."""
