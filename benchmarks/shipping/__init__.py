"""How much faster an environment reaches many hosts when they give it to each other."""
