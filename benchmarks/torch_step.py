"""One training step of the package in PyTorch operations: the peer of the whole step.

The same network, face model, normals, light, camera, losses of one and of two views (Eq. 6) and Adam, from the same weights and
the same batch. PyTorch has no rasterizer for a CPU: the triangle that each pixel sees and the covisible map are found beforehand
by ours and cost this side nothing; the barycentric weights follow by their formula, so that gradients flow as they do in ours.
"""

import numpy as np
import torch
from torch.nn import functional

from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.face.light import _FACTORS, AMBIENT
from mgcbook.learning.losses import BASELINE, INNER_MOUTH, NOSE, TINY
from mgcbook.learning.objective import EPIPOLAR, PHOTOMETRIC
from mgcbook.learning.resnet import DEPTHS, IMAGENET_DEVIATION, IMAGENET_MEAN


def tensor(array):
    """A NumPy array as a tensor of its own; whole numbers become int64, as PyTorch wants indices."""
    array = np.ascontiguousarray(array)
    return torch.tensor(array.astype(np.int64) if array.dtype.kind in "iu" else array)


class TorchStep:
    """The step for one batch: `forward_backward()` gives the loss and leaves gradients in `params`, `step()` moves them too.

    Args:
        learner: a `Learner` of the package.
        params: the weights, a dict of arrays.
        batch: images, landmarks, skin, flags.
        seen: what the rasterizer found for these weights: (triangle (B N, H, W), covisible (P, H, W)).
        channels_last: memory layout of the network.
        rate: of Adam.
    """

    def __init__(self, learner, params, batch, seen, *, channels_last=False, rate=1e-3):
        self.config, self.layout, self.decoder = learner.config, learner.decoder.layout, learner.decoder
        self._format = torch.channels_last if channels_last else torch.contiguous_format
        self.params = {}
        for name, array in params.items():
            array = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array
            value = tensor(array)
            value = value.contiguous(memory_format=self._format) if value.ndim == 4 else value
            self.params[name] = value.requires_grad_()
        self.optimizer = torch.optim.Adam(self.params.values(), rate)
        self.batch = {name: tensor(array) for name, array in batch.items()}
        self.face, camera = _Face(self.decoder), self.decoder.camera
        triangle, self.covisible = tensor(seen[0]), tensor(seen[1])
        self.hit = triangle >= 0
        self.corners = self.face.triangles[triangle.clamp(min=0)]  # (B N, H, W, 3)
        self.images = self.batch["images"].reshape(-1, *self.batch["images"].shape[2:])
        columns, rows = torch.arange(camera.width) + 0.5, torch.arange(camera.height) + 0.5
        self.grid = torch.stack([columns.expand(camera.height, -1), rows[:, None].expand(-1, camera.width)], -1)
        self.rays = (self.grid - torch.tensor(camera.center)) / camera.focal
        norms = [name for name in self.params if name.endswith("bias")]
        self.running = {name: [torch.zeros_like(self.params[name]), torch.ones_like(self.params[name])] for name in norms}

    def step(self):
        """One step of training."""
        loss = self.forward_backward()
        self.optimizer.step()
        return loss

    def forward_backward(self):
        """The loss; its gradients are in `params[...].grad`."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.objective(self.coefficients())
        loss.backward()
        return loss

    # ------------------------------------------------------------ network

    def coefficients(self):
        """(B N, K)."""
        mean, deviation = (torch.tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_DEVIATION))
        x = ((self.images.permute(0, 3, 1, 2) - mean) / deviation).contiguous(memory_format=self._format)
        x = functional.max_pool2d(torch.relu(self._unit(x, "conv1", "bn1", 2, 3)), 3, 2, 1)
        for layer, blocks in enumerate(DEPTHS[self.config.depth], 1):
            for block in range(blocks):
                x = self._block(x, f"layer{layer}.{block}", 2 if layer > 1 and block == 0 else 1)
        return x.mean((2, 3)) @ self.params["fc.weight"] + self.params["fc.bias"]

    def _unit(self, x, conv, norm, stride, padding):
        x = functional.conv2d(x, self.params[f"{conv}.weight"], stride=stride, padding=padding)
        running = self.running[f"{norm}.bias"]
        return functional.batch_norm(x, *running, self.params[f"{norm}.weight"], self.params[f"{norm}.bias"], training=True)

    def _block(self, x, name, stride):
        if f"{name}.conv3.weight" in self.params:  # a bottleneck
            y = torch.relu(self._unit(x, f"{name}.conv1", f"{name}.bn1", 1, 0))
            y = torch.relu(self._unit(y, f"{name}.conv2", f"{name}.bn2", stride, 1))
            y = self._unit(y, f"{name}.conv3", f"{name}.bn3", 1, 0)
        else:
            y = torch.relu(self._unit(x, f"{name}.conv1", f"{name}.bn1", stride, 1))
            y = self._unit(y, f"{name}.conv2", f"{name}.bn2", 1, 1)
        if f"{name}.downsample.0.weight" in self.params:
            x = self._unit(x, f"{name}.downsample.0", f"{name}.downsample.1", stride, 0)
        return torch.relu(x + y)

    # ------------------------------------------------------------ decoder and losses

    def objective(self, coefficients):
        """The combined loss (Eq. 6) of coefficients (B N, K)."""
        weights, camera = self.config.weights, self.decoder.camera
        parts = self._split(coefficients)
        rotation, translation = self.face.pose(parts["rotation"], parts["translation"])
        vertices = self.face.shape(parts)
        points = vertices @ rotation.transpose(1, 2) + translation[:, None]
        colors = self.face.colors(vertices, parts)
        image, depth = self._render(points, colors)
        unit, hit = PAPER_CAMERA.width / camera.width, self.hit.to(image.dtype)
        overlay = image + (1 - hit[..., None]) * self.images
        skin, truth = (self.batch[name].reshape(-1, *self.batch[name].shape[2:]) for name in ("skin", "landmarks"))
        error = hit * skin * _length(self.images - overlay)
        render = (error.sum((1, 2)) / ((hit * skin).sum((1, 2)) + 1e-6)).mean()
        landmarks = self._project(points[:, self.face.landmark_vertices])
        distance = ((landmarks - truth) ** 2).sum(-1)
        extra = distance[:, NOSE].sum(1) + distance[:, INNER_MOUTH].sum(1)
        landmark = ((distance.sum(1) + (weights.landmark_important - 1) * extra) / 68).mean() * unit**2
        squares = {name: (parts[name] ** 2).sum(-1) for name in ("identity", "expression", "albedo")}
        regularisation = (weights.reg_identity * squares["identity"] + weights.reg_expression * squares["expression"]
                          + weights.reg_albedo * squares["albedo"]).mean()  # fmt: skip
        two_d = weights.render * render + weights.landmark * landmark + weights.regularisation * regularisation
        return weights.two_d * two_d + weights.multi_view * self._two_views(rotation, translation, depth)

    def _split(self, vector):
        parts = {name: vector[:, place] for name, place in self.layout.slices.items()}
        parts["rotation"] = parts["rotation"] * self.layout.rotation_scale
        parts["translation"] = parts["translation"] * torch.tensor(self.layout.translation_scale)
        return parts | {"light": parts["light"].reshape(-1, 3, 9)}

    def _render(self, points, colors):
        """Image and depth: barycentric weights by their formula, the triangle of each pixel held fixed."""
        batch = torch.arange(len(points))[:, None, None, None]
        corners = points[batch, self.corners]  # (B N, H, W, 3 corners, 3)
        z = corners[..., 2]
        q = corners[..., :2] - z[..., None] * self.rays[:, :, None]
        j, k = q[..., (1, 2, 0), :], q[..., (2, 0, 1), :]
        areas = j[..., 0] * k[..., 1] - j[..., 1] * k[..., 0]
        total = torch.where(self.hit, areas.sum(-1), 1.0)
        bary = torch.where(self.hit[..., None], areas / total[..., None], 0.0)
        image = (bary[..., None] * colors[batch, self.corners]).sum(-2)
        return image, (bary * z).sum(-1)

    def _project(self, points):
        camera = self.decoder.camera
        return camera.focal * points[..., :2] / points[..., 2:] + torch.tensor(camera.center)

    def _two_views(self, rotation, translation, depth):
        """Pixel, depth and epipolar losses (Eq. 3 to 5), weighted."""
        camera, (items, views) = self.decoder.camera, self.batch["landmarks"].shape[:2]
        apart = lambda array: array.reshape(items, views, *array.shape[1:])
        target = lambda array: apart(array)[:, :1].expand(-1, views - 1, *array.shape[1:]).flatten(0, 1)
        source = lambda array: apart(array)[:, 1:].flatten(0, 1)
        turn = source(rotation) @ target(rotation).transpose(1, 2)
        shift = source(translation) - (turn @ target(translation)[..., None])[..., 0]
        target_depth, source_depth, images = target(depth), source(depth), self.images
        points = torch.cat([self.rays * target_depth[..., None], target_depth[..., None]], -1).flatten(1, 2)
        points = points @ turn.transpose(1, 2) + shift[:, None]
        z = points[..., 2].reshape(target_depth.shape)
        uv = self._project(torch.cat([points[..., :2], torch.where(points[..., 2:].abs() < 1e-6, 1e-6, points[..., 2:])], -1))
        uv = uv.reshape(*target_depth.shape, 2)
        inner = uv - 0.5
        valid = ((inner >= 0) & (inner <= torch.tensor([camera.width - 1, camera.height - 1]))).all(-1)
        both = self.covisible * (valid & (target_depth > 0) & (z > 0))
        place = uv * torch.tensor([2 / camera.width, 2 / camera.height]) - 1
        read = lambda images, place: functional.grid_sample(images, place, padding_mode="border", align_corners=False)
        synthesized = read(source(images).permute(0, 3, 1, 2), place).permute(0, 2, 3, 1)
        depth_read = read(source_depth[:, None], place)[:, 0]
        inside = read((source_depth > 0).to(place.dtype)[:, None], place.detach())[:, 0] > 1 - 1e-3
        pixel = _mean_over(both, _length(synthesized - target(images)))
        both = both * inside
        if not self.config.reprojected:
            scale = (target_depth * both).sum((1, 2)) / (depth_read * both).sum((1, 2)).clamp(min=1.0)
            depth_read, z = depth_read * scale[:, None, None], target_depth
        depth = _mean_over(both, (depth_read - z).abs())
        found = self.batch["landmarks"].flatten(0, 1)
        epipolar = _epipolar(target(found), source(found), turn, shift, camera) * (PAPER_CAMERA.width / camera.width)
        weights, flags, total = self.config.weights, self.batch["flags"], 0.0
        for weight, error, least in ((weights.pixel, pixel, PHOTOMETRIC), (weights.depth, depth, PHOTOMETRIC),
                                     (weights.epipolar, epipolar, EPIPOLAR)):  # fmt: skip
            gate = (flags >= least).to(error.dtype)
            total = total + weight * (error.reshape(items, -1).sum(1) * gate).sum() / gate.sum().clamp(min=1.0)
        return total


class _Face:
    """The face model as tensors."""

    def __init__(self, decoder):
        model = decoder.model
        self.triangles, self.landmark_vertices = tensor(model.triangles), tensor(model.landmark_vertices)
        rows = lambda name: getattr(model, f"{name}_basis") * getattr(model, f"{name}_deviation")[:, None, None]
        self.basis = tensor(np.concatenate([rows("identity"), rows("expression")]).reshape(-1, model.mean.size))
        self.albedo_basis, self.albedo_mean = tensor(rows("albedo").reshape(-1, model.mean.size)), tensor(model.albedo_mean)
        self.mean, (angles, self.translation) = tensor(model.mean), (tensor(part) for part in decoder.main)
        self.angles, self.translation = angles.float(), self.translation.float()
        self.pivot = None if decoder.pivot is None else tensor(decoder.pivot).float()
        self.at_rest = _rotation(angles[None])[0].float()

    def shape(self, parts):
        rows = torch.cat([parts["identity"], parts["expression"]], 1)
        return torch.addmm(self.mean.reshape(-1), rows, self.basis).reshape(len(rows), *self.mean.shape)

    def pose(self, angles, offset):
        rotation, translation = _rotation(angles + self.angles), offset + self.translation
        return rotation, translation if self.pivot is None else translation + (self.at_rest - rotation) @ self.pivot

    def colors(self, vertices, parts):
        a, b, c = (vertices[:, self.triangles[:, i]] for i in range(3))
        faces = _unit(torch.linalg.cross(b - a, c - a))
        sums = torch.zeros_like(vertices)
        for i in range(3):
            sums = sums.index_add(1, self.triangles[:, i], faces)
        x, y, z = _unit(sums).unbind(-1)
        a0, a1, a2, a2z, a2xy = _FACTORS
        bands = torch.stack([a0 * torch.ones_like(x), -a1 * y, a1 * z, -a1 * x, a2 * x * y, -a2 * y * z,
                             a2z * (3 * z * z - 1), -a2 * x * z, a2xy * (x * x - y * y)], 1)  # fmt: skip
        shading = (parts["light"] @ bands + AMBIENT * a0).transpose(1, 2)
        flat = torch.addmm(self.albedo_mean.reshape(-1), parts["albedo"], self.albedo_basis)
        return flat.reshape(vertices.shape).clamp(0, 1) * shading


def _rotation(angles):
    (cx, cy, cz), (sx, sy, sz) = torch.cos(angles).unbind(1), torch.sin(angles).unbind(1)
    rows = [cy * cz, -cy * sz, sy, sx * sy * cz + cx * sz, cx * cz - sx * sy * sz, -sx * cy,
            sx * sz - cx * sy * cz, cx * sy * sz + sx * cz, cx * cy]  # fmt: skip
    return torch.stack(rows, 1).reshape(-1, 3, 3)


def _epipolar(from_points, to_points, turn, shift, camera):
    x, y, z = shift.unbind(1)
    zero = torch.zeros_like(x)
    essential = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).reshape(-1, 3, 3) @ turn
    (cx, cy), f = camera.center, camera.focal
    inverse = torch.tensor([[1 / f, 0, -cx / f], [0, 1 / f, -cy / f], [0, 0, 1]])
    fundamental = inverse.T @ essential @ inverse
    lines = functional.pad(from_points, (0, 1), value=1.0) @ fundamental.transpose(1, 2)
    length = torch.sqrt(lines[..., 0] ** 2 + lines[..., 1] ** 2 + (BASELINE / f) ** 2)
    return ((functional.pad(to_points, (0, 1), value=1.0) * lines).sum(-1).abs() / length).mean(1)


def _unit(vectors):
    return vectors / torch.sqrt((vectors * vectors).sum(-1, keepdim=True) + 1e-20)


def _length(vectors):
    return torch.sqrt((vectors * vectors).sum(-1) + TINY)


def _mean_over(mask, values):
    return (mask * values).sum((1, 2)) / mask.sum((1, 2)).clamp(min=1.0)
