"""What must be fixed, and when, so that one configuration gives the same observations twice on one device."""

from __future__ import annotations

import os

from gatekit.errors import UsageError


def prepare_environment(*, offline: bool) -> None:
    """Set the variables that libraries read while they are imported; call before torch and transformer_lens.

    Args:
        offline: forbid every look at a model hub; false only when the configuration names a hub model.
    """
    # cuBLAS is deterministic only with a fixed workspace, read when its handle is created.
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    # Runtime type checks of jaxtyping reject a TransformerBridge in the libraries that we call.
    os.environ["JAXTYPING_DISABLE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    # Threads that spin while they wait burn the cores that the others need: measured on two shared cores, a training
    # step takes 27 ms with passive waiting and 50 to 200 ms without; alone on the machine both take 16 ms.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Tensors over 32 MiB come fresh from the system each time, page by page: filling 64 MiB takes 26 ms of processor
    # time in pages of 4 KiB and 4 ms in huge ones.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
        os.environ["HF_DATASETS_OFFLINE"] = "1"


def fix_arithmetic(threads: int) -> dict[str, str | int | bool]:
    """Make torch deterministic and return the flags that the summary records.

    Threads are part of the arithmetic: a sum split over two threads rounds otherwise than one over four.
    """
    import torch

    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    # TF32 is deterministic but has 10 bits of mantissa; the decoders that are compared deserve all 23.
    torch.set_float32_matmul_precision("highest")
    return {
        "threads": threads,
        "deterministic_algorithms": True,
        "cublas_workspace_config": os.environ.get("CUBLAS_WORKSPACE_CONFIG", ""),
        "float32_matmul_precision": "highest",
    }


def choose_device(name: str) -> str:
    """Return the device to run on: `auto` is the first CUDA device where there is one, else the CPU.

    Raises:
        UsageError: CUDA is asked for, and there is no such device.
    """
    import torch

    has_cuda = torch.cuda.is_available()
    if name == "auto":
        return "cuda" if has_cuda else "cpu"
    if name == "cuda" and not has_cuda:
        raise UsageError("--device cuda: there is no CUDA device here", "leave --device out, or give --device cpu")
    return name


_CHOOSE_KERNELS = ("MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""Variables by which somebody chooses other kernels than those of the machine."""


def device_class(device: str) -> str:
    """Return what two devices must have in common for one program to give the same bits on both.

    Of a CPU that is its architecture and maker, for which MKL chooses its kernels, and the vector instructions that
    torch uses; of a GPU its model and compute capability. Every key of the cache holds it, so that no machine takes for
    its own what another kind of machine computed.
    """
    import platform

    import torch

    if device.startswith("cuda"):
        major, minor = torch.cuda.get_device_capability(device)
        return f"cuda: {torch.cuda.get_device_name(device)}, compute capability {major}.{minor}"
    chosen = "".join(f", {name}={os.environ[name]}" for name in _CHOOSE_KERNELS if os.environ.get(name))
    return f"cpu: {platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, {_maker()}{chosen}"


def _maker() -> str:
    """Return who made this CPU, as the kernel names it; `unknown` where it names nobody."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as stream:
            told = (line for line in stream if line.startswith(("vendor_id", "CPU implementer")))
            return next(told, ":unknown").partition(":")[2].strip()
    except OSError:
        return "unknown"


def describe_device(device: str) -> str:
    """Return the device in words for the summary, without host names.

    Of a CPU it names the instructions that torch uses and the kernels that OpenBLAS chose for it: with other kernels
    scikit-learn's solvers stop elsewhere, and a cross-validated choice between near ties then falls otherwise.
    """
    import torch

    if device.startswith("cuda"):
        return f"{device_class(device)}, CUDA {torch.version.cuda}"
    return f"{device_class(device)}, OpenBLAS {' and '.join(_blas_kernels()) or 'none'}"


def _blas_kernels() -> list[str]:
    """Return the names of the kernels of each OpenBLAS that numpy and scipy bring, sorted, each once."""
    # Their libraries are only found once they are loaded.
    import numpy.linalg  # noqa: F401
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_info

    return sorted({str(each["architecture"]) for each in threadpool_info() if each["internal_api"] == "openblas"})
