"""Values and decisions: nothing here opens, waits, asks the clock or rolls dice."""
