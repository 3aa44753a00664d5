"""A generative model of a SaaS company that writes the five raw event streams and their truth."""
