"""Every test runs with the shapes in the signatures checked."""

from jaxtyping import install_import_hook

install_import_hook("epipose", "beartype.beartype")
