"""`python -m onboarding_health` is `onboarding-health`."""

from .cli import main

main()
