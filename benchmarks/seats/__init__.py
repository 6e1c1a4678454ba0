"""What a seat costs, how soon a class works, and whether the hub holds 300."""
