"""Ratios between this project, the limit of the machine and its peers, on simulated companies of any size."""
