"""The one service of a seat host: starts seats from warm processes, limits and watches them."""
