"""Property tests run on machines that are busy with others: no example has a deadline, the whole test has one."""

from hypothesis import settings

settings.register_profile("suture", deadline=None)
settings.load_profile("suture")
