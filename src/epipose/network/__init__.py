"""Networks: backbones, the volumetric pose network, the refiner, BlazePose, and weights. Import from the submodules."""
