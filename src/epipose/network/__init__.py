"""Networks: backbones, the volumetric pose network, the refiner, and their weights. Import from the submodules."""
