"""Where hosts come from, one small module each."""
