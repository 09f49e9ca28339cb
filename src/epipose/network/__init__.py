"""The network: backbone, volumetric pose head, losses. Import from the submodules."""
