"""Settings of the tests in this folder."""

from hypothesis import settings

# Many examples write files, and how long a disk takes says nothing about the code.
settings.register_profile("files", deadline=None)
settings.load_profile("files")
