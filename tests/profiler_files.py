"""Profiler traces of a small machine: a host that launches, a device with two streams, a job of several ranks."""

import json

from tests.trace_files import Upload

NCCL = "ncclDevKernel_AllReduce_Sum_f32_RING_LL(ncclDevKernelArgsStorage<4096ul>)"
GEMM = "ampere_bf16_s16816gemm_bf16_128x128_ldg8_f2f_stages_32x5_tn"


def event(name, start_ms, end_ms, cat, *, pid=1, tid=1, **args):
    return {
        "ph": "X",
        "cat": cat,
        "name": name,
        "pid": pid,
        "tid": tid,
        "ts": 1000 * start_ms,
        "dur": 1000 * (end_ms - start_ms),
        "args": args,
    }


class Machine:
    """A host and a device: every launch takes the host some time, every kernel waits for its stream and its launch."""

    def __init__(self, launch_ms=0.02, runtime="cuda", pid=1, device=0, link="correlation"):
        self.launch_ms, self.runtime, self.pid, self.device, self.link = launch_ms, runtime, pid, device, link
        self.now, self.events, self.launches = 1_000.0, [], 0
        self.free = {7: 0.0, 20: 0.0}

    def launch(self, name, took_ms, *, stream=7, behind=(), cat="kernel", call="LaunchKernel", until=None):
        """Launch work that waits for its stream and for other streams; when it ends."""
        links = self.call(f"{self.runtime}{call}", self.launch_ms)
        start = max(self.now, self.free[stream], *(self.free[other] for other in behind), 0.0)
        end = start + took_ms if until is None else max(until, start)
        self.free[stream] = end
        self.events.append(event(name, start, end, cat, pid=self.device, tid=stream, stream=stream, **links))
        return end

    def call(self, name, took_ms):
        """A call of the runtime; what links it with the work that it launches."""
        self.launches += 1
        links = {self.link: self.launches} if self.link else {}
        self.events.append(event(name, self.now, self.now + took_ms, "cuda_runtime", pid=self.pid, **links))
        self.now += took_ms
        return links

    def wait(self, name="cudaDeviceSynchronize", cat="cuda_runtime", tid=1):
        """Sit in a call until the device has done everything."""
        until = max(self.now, *self.free.values())
        self.events.append(event(name, self.now, until, cat, pid=self.pid, tid=tid))
        self.now = until

    def idle(self, took_ms):
        """Let the host do something else."""
        self.now += took_ms

    def step(self, number, body):
        """Everything in the body belongs to a step of the host's."""
        begin = self.now
        body()
        name = number if isinstance(number, str) else f"ProfilerStep#{number}"
        self.events.append(event(name, begin, self.now, "user_annotation", pid=self.pid))

    def upload(self, rank, name="", world_size=2, **about):
        """A file of its own."""
        info = {"distributedInfo": {"rank": rank, "backend": "nccl", "world_size": world_size, **about}}
        content = {"schemaVersion": 1, **(info if rank is not None else {}), "traceEvents": self.events}
        return Upload(name or f"rank{rank}.json", json.dumps(content))


def train(machine, compute_ms, network_ms, *, first=5, collective=NCCL, together_ms=None, after=None):
    """Steps of a copy, two kernels, a collective on its own stream and the optimizer behind it.

    Kernels take compute_ms of each step, beside the copy's 0.2 and the optimizer's 1 ms; a collective takes network_ms
    and what together_ms is more than compute_ms.
    """
    for i, took in enumerate(compute_ms):

        def body(i=i, took=took):
            machine.launch("Memcpy HtoD (Pinned -> Device)", 0.2, cat="gpu_memcpy", call="MemcpyAsync")
            machine.launch(GEMM, took / 2)
            machine.launch(GEMM, took / 2)
            longer = 0 if together_ms is None else together_ms[i] - took
            machine.launch(collective, network_ms + longer, stream=20, behind=(7,))
            if after:
                after(machine)
            machine.launch("multi_tensor_apply_kernel", 1.0, behind=(20,))

        machine.step(first + i, body)
    return machine
