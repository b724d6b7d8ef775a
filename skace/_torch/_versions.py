"""What the installed torch is and what it computes on."""
# SPDX-License-Identifier: BSD-3-Clause

import torch

__all__ = ["describe_torch"]


def describe_torch() -> dict[str, str]:
    """Build, threads and CUDA devices, by name."""
    facts = {
        "build": torch.__version__,
        "CUDA of the build": torch.version.cuda or "none",
        "threads in an operation": str(torch.get_num_threads()),
        "threads between operations": str(torch.get_num_interop_threads()),
        "CPU capability": torch.backends.cpu.get_cpu_capability(),
        "CUDA devices": str(torch.cuda.device_count()),
    }
    for number in range(torch.cuda.device_count()):
        device = torch.cuda.get_device_properties(number)
        facts[f"cuda:{number}"] = f"{device.name}, {device.total_memory / 2**30:.1f} GiB"
    return facts
