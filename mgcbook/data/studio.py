"""Pictures of synthetic faces from recipes, a whole batch at a time, on a GPU: what `SyntheticFaces` does item by item.

    coefficients -> vertices -> rays -> light on skin and hair -> background -> lens, sensor, file -> images, skin

All per-vertex and per-pixel work is done where the recipe's arrays are. No value decides what is done and nothing is read back,
so the whole of it can be captured in a CUDA graph. Items are those of `SyntheticFaces` with the same numbers, except for the
noise of the camera (the same distribution, other numbers) and what single precision rounds elsewhere.
"""

import numpy as np

from mgcbook.arrays import concatenate, kernels_for, matmul, to_device
from mgcbook.data.backgrounds import BLURS
from mgcbook.data.exposure import Blur, Exposure, reach
from mgcbook.data.portraits import SOFT, WIDE, grains
from mgcbook.data.scenes import mean_normals
from mgcbook.data.sensor import TRUNCATE, quantise

SOFT_TRUNCATE = 4.0
"""Standard deviations at which the border of skin ends."""


class Studio:
    """Takes the pictures of recipes.

    Args:
        faces: the SyntheticFaces whose items they are.
        device: "cpu" or "cuda".
    """

    def __init__(self, faces, device="cuda"):
        config, self._camera = faces.config, faces.camera
        self.size, self._factor = config.size, config.supersample
        self._fine = self._camera.resized(self.size * self._factor, self.size * self._factor)
        move = lambda array: to_device(np.ascontiguousarray(array), device)
        self._model, material = faces.model.to(device), faces.material
        per_vertex = [material.place, *(part[:, None] for part in (material.skin, material.gloss, material.wet, material.hollow))]
        self._material = move(np.concatenate(per_vertex, axis=1).astype(np.float32))
        self._around, self._grain = move(faces.parts.triangles), move(grains())
        self._mean, self._normals = move(faces.model.mean.T), move(mean_normals(faces.model))
        self._margin, soft = reach(BLURS[-1] * self.size, TRUNCATE), reach(SOFT * self.size, SOFT_TRUNCATE)
        self._backdrop = Blur(self.size, self._margin, TRUNCATE, move)
        self._border = Blur(self.size, soft, SOFT_TRUNCATE, move)
        self._border_edge = move(np.clip(np.arange(-soft, self.size + soft), 0, self.size - 1))
        self._exposure = Exposure(self.size, move)

    def __call__(self, recipes):
        """{"images": (S, H, W, 3), "skin": (S, H, W)} float32 in k / 255; recipes of `Recipes.batch` on the device."""
        image, skin, cover = self._lit(recipes)
        image = image + (1 - cover)[..., None] * self._scenery(recipes)
        images = self._exposure(image, recipes["sensor"], recipes["steps"], recipes["seed"])
        soft = np.full_like(recipes["background_blur"][:, 0], SOFT * self.size)
        skin = self._border(self._exposure.padded(skin[..., None], self._border_edge), soft)[..., 0]
        return {"images": images, "skin": quantise(skin)}

    def _lit(self, recipes):
        """Faces and surroundings against nothing; -> (S, H, W, 3), (S, H, W), (S, H, W)."""
        kernels = kernels_for(recipes["look"])
        vertices, colors = self.decode(recipes)
        normals, material = self._model.vertex_normals(vertices), self._material
        shape = (len(vertices), *material.shape)
        columns = concatenate([colors, normals, np.broadcast_to(material[None], shape)], axis=2)
        face = self._hits(vertices, self._model.triangles, recipes)
        around = self._hits(recipes["around"], self._around, recipes, recipes["around_active"])
        face, around = (*face, self._model.triangles, columns), (*around, self._around, recipes["around_columns"])
        light = (recipes[name] for name in ("light", "lamps", "look", "towards"))
        return kernels.shade_rays(face, around, *light, self._grain, self._factor)

    def decode(self, recipes):
        """Vertices with their bumps, and skin colours; -> (S, V, 3) mm, (S, V, 3)."""
        vertices = self._model.shape(recipes["identity"], recipes["expression"])
        waves = np.cos(matmul(recipes["waves"], self._mean) + recipes["phase"][..., None])  # (S, C, V)
        height = np.sum(recipes["height"][..., None] * waves, axis=1)
        return vertices + height[..., None] * self._normals, self._model.albedo(recipes["albedo"])

    def _hits(self, vertices, triangles, recipes, active=None):
        camera = self._fine
        turned = matmul(vertices, np.swapaxes(recipes["rotation"], 1, 2))  # as `transform`, in a form that a graph can hold
        points = turned + recipes["translation"][:, None]
        rasterize = kernels_for(points).rasterize
        return rasterize(points, triangles, camera.focal, camera.center, camera.height, camera.width, active=active)

    def _scenery(self, recipes):
        """The backgrounds behind the views; -> (S, H, W, 3)."""
        program = (recipes[name] for name in ("operations", "numbers", "tables", "start"))
        paint = kernels_for(recipes["numbers"]).paint
        picture = paint(*program, self._margin, self.size, int(WIDE * self.size), self.size)
        return np.clip(self._backdrop(picture, recipes["background_blur"][:, 0]), 0, 1)
