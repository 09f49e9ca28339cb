"""The one exception users meet: it says what was got, what was expected and what to do."""


class EpiposeError(Exception):
    """Bad input or a result that cannot be trusted. The command line prints it without a traceback and exits with 2."""
