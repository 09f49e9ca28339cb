"""The exceptions users meet: they say what was got, what was expected and what to do."""


class EpiposeError(Exception):
    """Bad input or a result that cannot be trusted. The command line prints it without a traceback and exits with 2."""


class RejectedError(EpiposeError):
    """Cameras that must not be used: the calibration's verdict is "reject". The command line exits with 3."""
