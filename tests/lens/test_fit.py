import pytest
import torch

from epipose.lens import brown_conrady, fisheye
from epipose.lens.fit import fitted_distortion

XY = torch.cartesian_prod(torch.linspace(-0.6, 0.6, 25), torch.linspace(-0.4, 0.4, 17)).double()


def test_five_coefficients_are_found_exactly():
    lens = torch.tensor([-0.28, 0.11, 0.0008, -0.0011, -0.02, 0, 0, 0], dtype=torch.float64)
    found = fitted_distortion(XY, brown_conrady.distort(XY, lens))
    assert (found - lens).abs().max() < 1e-12


@pytest.mark.parametrize("rational", [False, True])
def test_a_rational_lens_is_found_by_its_own_model_alone(rational):
    lens = torch.tensor([0.31, 0.12, 0.0004, -0.0002, 0.01, 0.36, 0.17, 0.02], dtype=torch.float64)
    distorted = brown_conrady.distort(XY, lens)
    left = (brown_conrady.distort(XY, fitted_distortion(XY, distorted, rational=rational)) - distorted).abs().max()
    assert left < (1e-9 if rational else 1e-4)
    assert rational or left > 1e-7


def test_the_more_coefficients_the_closer():
    distorted = fisheye.distort(XY, torch.tensor([-0.013, 0.021, -0.014, 0.0027], dtype=torch.float64))
    five, eight = (
        float((brown_conrady.distort(XY, fitted_distortion(XY, distorted, rational=rational)) - distorted).abs().max())
        for rational in (False, True)
    )
    assert eight < five / 10
    assert five < 1e-2
