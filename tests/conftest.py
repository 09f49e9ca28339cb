"""Every test runs with the shapes in the signatures checked."""

import signal

from jaxtyping import install_import_hook

# A shell that runs the tests in the background has them ignore Ctrl-C, and the programs that they start inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

install_import_hook("epipose", "beartype.beartype")
