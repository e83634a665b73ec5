# Sourced by the package tests: sentences that are true or false, and the time that each takes.
passed=0 failed=0 started=$SECONDS

# t SENTENCE COMMAND...: the command must succeed. What it prints is shown when it does not.
t() {
  local sentence=$1 out begun=${EPOCHREALTIME/./}
  shift
  if out=$("$@" 2>&1); then
    passed=$((passed + 1))
    printf 'ok      %5d ms  %s\n' $(((${EPOCHREALTIME/./} - begun) / 1000)) "$sentence"
  else
    failed=$((failed + 1))
    printf 'FAILED  %5d ms  %s\n%s\n' $(((${EPOCHREALTIME/./} - begun) / 1000)) "$sentence" "$(printf '%s' "$out" | tail -15 | sed 's/^/        | /')"
    on_failure 2>&1 | tail -25 | sed 's/^/        : /'
    [[ -z ${OIBUS_STOP_AT_FAILURE:-} ]] || exit 1
  fi
}

on_failure() { :; }

# summary NAME prints the count and fails when something has.
summary() {
  printf '== %s: %d passed, %d failed, %d s\n' "$1" "$passed" "$failed" $((SECONDS - started))
  [[ $failed == 0 ]]
}
