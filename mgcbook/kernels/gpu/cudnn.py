"""Convolution plans of cuDNN: how each convolution of a network, forward and backward, is computed on a GPU.

A plan belongs to a shape. cuDNN's heuristics propose engines for it; at the first run the best of them take turns, and the
fastest is kept. Plans are run with pointers. With a written description of a device, plans are made without a GPU: a test can
tell that every convolution has one.

Maps are (B, H, W, C) and kernels (O, kh, kw, C) in memory; cuDNN names their axes N C H W and K C R S and takes strides.
"""

import functools

import cudnn

from . import runtime

__all__ = ["H200", "Plan", "Plans"]

KINDS = {"float32": cudnn.data_type.FLOAT, "float16": cudnn.data_type.HALF, "bfloat16": cudnn.data_type.BFLOAT16}

H200 = (
    '{"maxGridSize":[2147483647,65535,65535],"maxBlockSize":[1024,1024,64],"regsPerBlock":65536,"multiProcessorCount":132,'
    '"warpSize":32,"maxSharedMemoryPerBlock":49152,"maxSharedMemoryPerBlockOptin":232448,"reservedSharedMemoryPerBlock":1024,'
    '"maxRegistersPerSM":65536,"maxCtasPerSM":32,"maxThreadsPerBlock":1024,"maxThreadsPerSM":2048,"pciDeviceId":0,'
    '"isTccDriver":0,"supportCoopLaunch":1,"totalGlobalMem":150110011392,"smClockRateKHz":1980000,"memClockRateKHz":3201000,'
    '"l2CacheSize":62914560,"cudaDeviceId":0,"deviceVer":900,"driverVer":13000,"deviceName":"NVIDIA H200"}'
)
"""Written from the data sheet: what cuDNN wants to know of a device."""

TRIED, ROUNDS = 8, 5
"""How many proposals take turns, and how often."""
ROOM = 1 << 30
"""Bytes of workspace beyond which a proposal is not tried."""


class Plan:
    """The proposals for one convolution, best first, and the one that is kept.

    Args:
        graph: a built graph of cuDNN.
    """

    def __init__(self, graph):
        self.graph = graph
        sizes = {i: size for i in range(graph.get_execution_plan_count()) if (size := _workspace(graph, i)) is not None}
        fitting = [i for i, size in sizes.items() if size <= ROOM] or sorted(sizes, key=sizes.get)
        self.sizes, self.tried, self.kept = sizes, fitting[:TRIED], None

    @property
    def workspace(self):
        """Bytes that the kept proposal needs, or all those that are yet to be tried."""
        return max(self.sizes[i] for i in (self.tried if self.kept is None else [self.kept]))

    def run(self, pointers, workspace, handle, index=None):
        """Run the kept proposal, or another one; pointers: {1: first, 2: second, 3: out}."""
        self.graph.execute_plan_at_index(pointers, workspace, self.kept if index is None else index, handle=handle)

    def choose(self, seconds):
        """Keep the proposal with the shortest time; seconds(index) measures one, None if it cannot be run."""
        times = {index: time for index in self.tried if (time := seconds(index)) is not None}
        if not times:
            raise RuntimeError("cuDNN: none of the proposed engines runs on this device")
        self.kept = min(times, key=times.get)


def _workspace(graph, index):
    try:
        return graph.get_workspace_size_plan_at_index(index)
    except RuntimeError:  # a proposal that was refused: it is not strict, for example
        return None


class Plans:
    """Plans by shape, on the current device, or on one that is only described.

    Args:
        device: a description like `H200`; plans can then be made, not run.
        strict: no TF32: float32 products in float32.
    """

    def __init__(self, *, device=None, strict=False):
        self.strict, self.stream = strict, None
        self.device = cudnn.create_device_properties(device) if device else None
        self.handle = None if device else cudnn.create_handle()
        self.plan = functools.cache(self._plan)

    def use(self, stream):
        """From now on work on a stream (its pointer)."""
        if stream != self.stream:
            cudnn.set_stream(handle=self.handle, stream=stream)
            self.stream = stream

    def run(self, first, second, out, *shape):
        """Run the plan of a shape on two inputs and a result, device arrays; the shape is what `plan` takes.

        The first run of a shape measures; it must not be captured.
        """
        plan = self.plan(*shape)
        pointers = {1: first.data.ptr, 2: second.data.ptr, 3: out.data.ptr}
        memory = runtime.workspace("cudnn", plan.workspace).data.ptr
        if plan.kept is None:
            plan.choose(lambda index: runtime.seconds(lambda: plan.run(pointers, memory, self.handle, index), ROUNDS))
        plan.run(pointers, memory, self.handle)

    def _plan(self, what, maps, kernel, stride, padding, dtype="float32"):
        """The plan of "forward", "input" (d loss / d maps) or "kernel" (d loss / d kernel).

        Args:
            maps: (B, H, W, C) of the input.
            kernel: (kh, kw, C, O).
            stride, padding: in pixels.
            dtype: float32 (with TF32 unless `strict`), float16 or bfloat16.
        Raises:
            cudnn.cudnnGraphNotSupportedError: if cuDNN has none.
        """
        (n, h, w, c), (r, s, _, k), kind = maps, kernel, KINDS[dtype]
        result = n, k, (h + 2 * padding - r) // stride + 1, (w + 2 * padding - s) // stride + 1
        maps, kernel = (n, c, h, w), (k, c, r, s)
        where = {"device_property": self.device, "sm_version": 90} if self.device else {"handle": self.handle}
        single = cudnn.data_type.FLOAT
        graph = cudnn.pygraph(io_data_type=kind, intermediate_data_type=single, compute_data_type=single, **where)
        tensor = lambda number, shape: graph.tensor(
            uid=number, name=f"t{number}", dim=list(shape), stride=_last_axis_channels(*shape), data_type=kind
        )
        how = {"padding": [padding] * 2, "stride": [stride] * 2, "dilation": [1, 1]}
        if what == "forward":
            out, shape = graph.conv_fprop(image=tensor(1, maps), weight=tensor(2, kernel), **how), result
        elif what == "input":
            out, shape = graph.conv_dgrad(loss=tensor(1, result), filter=tensor(2, kernel), **how), maps
        else:
            out, shape = graph.conv_wgrad(image=tensor(1, maps), loss=tensor(2, result), **how), kernel
        out.set_output(True).set_dim(list(shape)).set_stride(_last_axis_channels(*shape)).set_data_type(kind).set_uid(3)
        graph.validate()
        graph.build_operation_graph()
        graph.create_execution_plans([cudnn.heur_mode.A, cudnn.heur_mode.FALLBACK])
        if self.strict:
            graph.deselect_numeric_notes([cudnn.numerical_note.TENSOR_CORE])
        graph.check_support()
        graph.build_plans(cudnn.build_plan_policy.ALL)
        return Plan(graph)


def _last_axis_channels(n, c, h, w):
    """Strides of the axes N C H W of an array that is N H W C in memory."""
    return [h * w * c, 1, w * c, c]
