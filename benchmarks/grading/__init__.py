"""How much faster a batch is graded, sealed, than by nbgrader's own Autograde."""
