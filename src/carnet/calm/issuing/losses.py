"""Soon."""


def report_lost(calm, *, guid, reason, now, by):
    raise NotImplementedError
