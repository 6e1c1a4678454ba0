"""Instance types, their facts and their prices: dated data and its reader."""
