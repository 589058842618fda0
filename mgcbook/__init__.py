"""mgcbook: self-supervised 3D face reconstruction from single photographs after MGCNet (Shang et al., ECCV 2020).

The floors, from below: `arrays` and `kernels`, `tape` (gradients), `face` (model, camera, light, rasterizer, warp),
`learning` (losses, network, optimiser), `data`, `programs`, `book`. Importing this package loads none of them.
"""

__version__ = "0.1.0"
