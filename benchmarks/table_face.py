"""The face model against PyTorch: shape and colours of 15 faces from 224 coefficients, with gradients; normals."""

import numpy as np
from common import both_on, torch

from mgcbook.data import builtin
from mgcbook.programs.timing import row_of, take_turns
from mgcbook.tape import value_and_grad

BATCH = 15


def rows(rounds, threads):
    """Rows of the table."""
    with both_on(threads):
        model = builtin.load("full")
        params = model.sample(np.random.default_rng(0), BATCH)
        sides = decode_sides(model, params)
        check(sides)
        size = f"{BATCH} faces of {len(model.mean) // 1000}K vertices"
        name = f"decode {sum(model.ranks.values())} numbers, forward, backward, {size}"
        yield row_of("face", name, take_turns(sides, 2 * rounds, warm_up=2, pause=0.005), 1.0)
        vertices = model.shape(params["identity"], params["expression"])
        normals = {"ours": lambda: value_and_grad(lambda v: np.sum(model.vertex_normals(v)))(vertices)}
        yield row_of("face", f"normals, forward, backward, {size}", take_turns(normals, rounds))


def decode_sides(model, params):
    """Shape and albedo of faces and the gradient to their coefficients: {"ours": ..., "PyTorch": ...}."""
    weights = np.random.default_rng(1).normal(size=(2, BATCH, *model.mean.shape)).astype(np.float32)

    def loss(p):
        return np.sum(model.shape(p["identity"], p["expression"]) * weights[0]) + np.sum(model.albedo(p["albedo"]) * weights[1])

    sides = {"ours": lambda: value_and_grad(loss)(params)[1]}
    return sides if torch is None else sides | {"PyTorch": _in_torch(model, params, weights)}


def _in_torch(model, params, weights):
    scaled = lambda name: getattr(model, f"{name}_basis") * getattr(model, f"{name}_deviation")[:, None, None]
    flat = lambda array: torch.tensor(np.ascontiguousarray(array.reshape(-1, model.mean.size)))
    basis, albedo_basis = flat(np.concatenate([scaled("identity"), scaled("expression")])), flat(scaled("albedo"))
    mean, albedo_mean, on_shape, on_albedo = (flat(array) for array in (model.mean, model.albedo_mean, *weights))

    def decode():
        leaves = {name: torch.tensor(values, requires_grad=True) for name, values in params.items()}
        shape = torch.addmm(mean, torch.cat([leaves["identity"], leaves["expression"]], 1), basis)
        albedo = torch.addmm(albedo_mean, leaves["albedo"], albedo_basis).clamp(0, 1)
        ((shape * on_shape).sum() + (albedo * on_albedo).sum()).backward()
        return {name: leaf.grad.numpy() for name, leaf in leaves.items()}

    return decode


def check(sides):
    """The gradients of all sides agree."""
    results = [side() for side in sides.values()]
    for other in results[1:]:
        for name, slope in results[0].items():
            error = np.linalg.norm(other[name] - slope) / np.linalg.norm(slope)
            assert error < 1e-3, (name, error)
