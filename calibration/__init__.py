"""Weights of the health score from the user's own history, or from pairwise judgements, as seed rows for a review."""
