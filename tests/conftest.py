"""What all tests have in common."""

from hypothesis import settings

# A machine with other work to do is no failure.
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")
