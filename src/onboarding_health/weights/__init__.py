"""Weight training: proposes weights of the health score as seed rows for a pull request. The live seeds are only read."""
