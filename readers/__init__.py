"""What the engines can't tell of files by SQL."""
