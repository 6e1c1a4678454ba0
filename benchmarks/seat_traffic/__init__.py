"""Ways of the traffic between the hub's host and a seat's server, compared."""
