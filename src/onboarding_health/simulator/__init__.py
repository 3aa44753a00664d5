"""The demo: raw event streams of a simulated SaaS company, and the truth behind them."""
