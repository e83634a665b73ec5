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
    on_failure 2>&1 | tail -25 | sed 's/^/        : /' || true # there may be nothing to show
    [[ -z ${OIBUS_STOP_AT_FAILURE:-} || $failed -lt $OIBUS_STOP_AT_FAILURE ]] || exit 1
  fi
}

on_failure() { :; }

# What a person sees between the download and the registration: commands and seconds, for the table at the end.
# figures PLATFORM COMMANDS BEGUN INSTALLED REGISTERED: the times are in microseconds.
figures() {
  printf '%s\t%d\t%d.%d\t%d.%d\n' "$1" "$2" $((($4 - $3) / 1000000)) $((($4 - $3) / 100000 % 10)) $((($5 - $3) / 1000000)) $((($5 - $3) / 100000 % 10)) >>"$work/figures"
}

# update_version SIMULATOR FILE VERSION LIMIT FROM: OIAnalytics has its agent, which is of version FROM, updated by a
# command. Prints how the command ended, which must be well.
update_version() {
  local sim=$1 file=$2 version=$3 agent id end
  curl -sf --max-time 60 -o /dev/null -T "$file" "$sim/control/assets/release-$version?filename=${file##*/}"
  agent=$(curl -sf --max-time 20 "$sim/control/agents" | sed 's/^\[{"id":"\([^"]*\)".*/\1/')
  id=$(curl -sf --max-time 20 -d "{\"type\":\"update-version\",\"targetVersion\":\"$5\",\"version\":\"v$version\",\"assetId\":\"release-$version\",\"updateLauncher\":true,\"backupFoldersPattern\":\"cache/*\"}" \
    "$sim/control/agents/$agent/commands" | sed 's/.*\["\(.*\)"\].*/\1/')
  curl -s -o /dev/null "$sim/control/wait?commands=$id&timeout=$4"
  end=$(curl -sf --max-time 20 "$sim/control/commands/$id")
  echo "$end"
  [[ $end == *'"status":"COMPLETED"'* && $end == *"\"result\":\"OIBus updated to version $version, launcher updated to version $version\""* ]]
}

# summary NAME prints the count and fails when something has.
summary() {
  printf '== %s: %d passed, %d failed, %d s\n' "$1" "$passed" "$failed" $((SECONDS - started))
  [[ $failed == 0 ]]
}
