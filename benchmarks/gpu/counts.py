"""Counts what a sweep of a chain costs, and the kernels of an update.

Without a GPU. Of each program of `export.py`:

- floating-point operations, random words and bytes of states and inputs that go
  through memory, for each sweep of a chain;
- the kernels that each turn of its loops starts, as XLA compiles it: for this
  computer, or with `--target h100` for an H100, which need not be there. That
  takes JAX's plugin for CUDA (`pip install jax-cuda12-plugin jax-cuda12-pjrt
  nvidia-cuda-nvcc-cu12`), without a driver.

    python benchmarks/gpu/counts.py FOLDER [--only NAME ...] [--target h100]
"""

import argparse
import os

import jax
import program
import store
from jax.experimental import topologies
from jax.sharding import SingleDeviceSharding

# As XLA describes it: xla/tools/hlo_opt/gpu_specs of OpenXLA.
_H100 = """
gpu_device_info {
  threads_per_block_limit: 1024
  threads_per_warp: 32
  shared_memory_per_block: 49152
  shared_memory_per_core: 233472
  threads_per_core_limit: 2048
  core_count: 132
  fpus_per_core: 128
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  memory_bandwidth: 3352320000000
  l2_cache_size: 52428800
  clock_rate_ghz: 1.98
  device_memory_size: 84929347584
  shared_memory_per_block_optin: 232448
  cuda_compute_capability { major: 9 }
  registers_per_core_limit: 65536
  registers_per_block_limit: 65536
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 3 }
device_description_str: "NVIDIA H100 80GB HBM3"
"""
# Nothing can be tried out on a GPU that is not there.
_OPTIONS = {"xla_gpu_autotune_level": 0}


def compiled(text, target=None):
    """The optimized HLO of a program, as text.

    Args:
        text: StableHLO, as text.
        target: `"h100"`, or `None` for this computer.
    """
    if target is None:
        platform = "cpu" if jax.default_backend() == "cpu" else "cuda"
        function, specs = program.function(text, platform)
        return function.lower(*specs).compile().as_text()
    topology = topologies.get_topology_desc(
        platform="cuda", target_config=_H100, topology="1x1x1"
    )
    sharding = SingleDeviceSharding(topology.devices[0])
    function, specs = program.function(text, "cuda")
    specs = [
        jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding) for x in specs
    ]
    lowered = function.trace(*specs).lower(lowering_platforms=("cuda",))
    return lowered.compile(compiler_options=_OPTIONS).as_text()


def row(folder, entry, target=None):
    """A row of the Markdown table of a program."""
    sweeps = entry.get("chain_sweeps")
    hlo = compiled(store.text(folder, entry), target)
    cells = [entry["name"]]
    for name in ("flops", "words", "bytes"):
        known = sweeps and name in entry
        cells.append(f"{entry[name] / sweeps:,.0f}" if known else "")
    loops = program.kernels(hlo)
    entry_kernels = sum(loops.pop("entry").values())
    turns = sorted(sum(kinds.values()) for kinds in loops.values())
    cells += [str(entry_kernels), ", ".join(map(str, turns))]
    return f"| {' | '.join(cells)} |"


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--target", choices=["h100"])
    options = parser.parse_args(arguments)
    if options.target:
        # A computer without a driver has but its CPU.
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
    print(
        "| program | FLOP a chain-sweep | words | bytes | kernels outside of "
        "loops | kernels of each loop's turn |"
    )
    print("|---|---:|---:|---:|---:|---|")
    for entry in store.entries(options.folder):
        if options.only is None or entry["name"] in options.only:
            print(row(options.folder, entry, options.target), flush=True)


if __name__ == "__main__":
    main()
