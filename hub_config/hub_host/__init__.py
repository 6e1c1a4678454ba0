"""A workshop on hosts: the instructor's computer brings it to the hub host and carries commands
there. Over SSH with verified host keys; nothing here runs for a workshop without hosts."""
