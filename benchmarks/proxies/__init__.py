"""Which proxy should stand in front of the hub: the three that work, under a class's load."""
