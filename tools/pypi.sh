# What dev, which sources this, fetches from the Python package index into build/. Nothing of it has to be there.

nvtx_version=13.0.85

# A Python with pip: build/venv, which is whole or not there.
make_venv() {
  [[ ! -x build/venv/bin/pip ]] || return 0
  need python3-venv
  mkdir -p "$logs"
  (trap 'rm -rf build/venv' EXIT && python3 -m venv build/venv && trap - EXIT) >"$logs/venv.txt" 2>&1 ||
    { say "python3 -m venv failed; all it said is in $logs/venv.txt" && return 1; }
}

# The NVTX headers, for builds that use no toolkit: no package of the distribution has them. Their tests are skipped
# where they cannot be had.
fetch_nvtx() {
  local wheels=build/nvtx/wheels
  [[ ! -e build/nvtx/include/nvtx3/nvToolsExt.h ]] || return 0
  say "fetching the NVTX headers (nvidia-nvtx $nvtx_version from PyPI)"
  mkdir -p "$logs" build/nvtx
  if ! make_venv || ! {
    build/venv/bin/pip download --quiet --retries 1 --timeout 20 --disable-pip-version-check --no-deps --only-binary :all: \
      --platform manylinux1_x86_64 --dest "$wheels" "nvidia-nvtx==$nvtx_version" &&
    python3 -m zipfile -e "$wheels"/*.whl "$wheels" && cp -r "$wheels"/nvidia/cu13/include build/nvtx/; } >"$logs/nvtx.txt" 2>&1; then
    say "without them profilers are told nothing; why they could not be had is in $logs/nvtx.txt"
  fi
}

# The official readers of the formats, and of text, which tests hold ours against. Those tests are skipped, and say so, where they
# cannot be had. What `tokenizers` would bring along is for fetching models.
fetch_readers() {
  export TIERPAGER_PYTHON=$PWD/build/venv/bin/python
  if "$TIERPAGER_PYTHON" -c 'import numpy, gguf, safetensors, tokenizers' 2>/dev/null; then return; fi
  say "fetching the Python packages gguf, safetensors and tokenizers from PyPI (build/venv)"
  local pip=(build/venv/bin/pip install --quiet --retries 1 --timeout 20 --disable-pip-version-check)
  if ! make_venv || ! { "${pip[@]}" numpy gguf safetensors && "${pip[@]}" --no-deps tokenizers; } >"$logs/readers.txt" 2>&1; then
    say "nothing is compared with theirs; why they could not be had is in $logs/readers.txt"
  fi
}

# A real model, which the text generator is tested with: 89 MiB, once. That test is skipped where it cannot be had.
fetch_test_model() {
  build/venv/bin/python tools/fetch_models.py build/models smollm2-135m.gguf >/dev/null ||
    say "the text generator is tested on small models alone"
}

# fetch_toolkit_headers VERSION...: the headers of the CUDA runtime of these toolkits, into build/toolkits.
fetch_toolkit_headers() {
  local version folder log=$logs/toolkits.txt
  mkdir -p "$logs"
  : >"$log"
  for version in "$@"; do
    folder=build/toolkits/$version
    [[ ! -e $folder/nvidia/cuda_runtime/include/cuda_runtime_api.h ]] || continue
    say "fetching the headers of CUDA $version (nvidia-cuda-runtime-cu12 from PyPI)"
    if ! make_venv || ! {
      rm -rf "$folder.unfinished" &&
        build/venv/bin/pip download --quiet --retries 1 --timeout 20 --disable-pip-version-check --no-deps --only-binary :all: \
          --platform manylinux2014_x86_64 --dest "$folder.unfinished" "nvidia-cuda-runtime-cu12==$version.*" &&
        python3 -m zipfile -e "$folder.unfinished"/*.whl "$folder.unfinished" && rm -rf "$folder" &&
        mv "$folder.unfinished" "$folder"; } >>"$log" 2>&1; then
      say "nothing is compiled with them; why they could not be had is in $log"
      return
    fi
  done
}
