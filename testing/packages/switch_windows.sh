#!/usr/bin/env bash
# switch_windows.sh: a site moves from an OIBus 3.8 to this one and back, under Wine: from the archive, with a service of the
# name that both products use. A program (standin) stands for NSSM and the OIBus 3.8 that it runs. See all.sh and windows.sh
# for what it needs; without ../shared/reference-data it is skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
here=testing/packages
# shellcheck source=testing/packages/checks.sh
source $here/checks.sh
reference=../shared/reference-data/data
[[ -d $reference ]] || { echo "skipped: $reference is missing"; exit 0; }
work=${OIBUS_PACKAGES_WORK:?}/switch # of its own: the other parts make the same programs at the same time
mkdir -p "$work"

if [[ -z ${OIBUS_WINE_OVERLAY:-} ]]; then
  # A prefix of its own, as new each time: the other parts may run at the same time.
  export OIBUS_WINE_DIR=${OIBUS_PACKAGES_CACHE:-/var/tmp/oibus-packages}/wine-switch
  if [[ ! -e $OIBUS_WINE_DIR/pristine ]]; then
    rm -rf "$OIBUS_WINE_DIR"
    OIBUS_WINE_SHELL=true testing/wine.sh
    cp -a "$OIBUS_WINE_DIR/prefix" "$OIBUS_WINE_DIR/pristine.new" && mv "$OIBUS_WINE_DIR/pristine.new" "$OIBUS_WINE_DIR/pristine"
  fi
  rm -rf "$OIBUS_WINE_DIR/prefix"
  cp -a --reflink=auto "$OIBUS_WINE_DIR/pristine" "$OIBUS_WINE_DIR/prefix"
  go list -deps ./agent/cmd/... ./launcher/cmd/... ./installer/cmd/... ./$here/standin ./testing/cloudsim/cmd/... >/dev/null
  OIBUS_WINE_SHELL="$here/switch_windows.sh" exec unshare --net sh -c 'ip link set lo up; exec testing/wine.sh'
fi
overlay=$OIBUS_WINE_OVERLAY
serve_limit=${OIBUS_SERVE_LIMIT:-60}
drive=$WINEPREFIX/drive_c
data=$drive/OIBusData archive=$drive/archive port=2299 sim=http://127.0.0.1:4599
win() { timeout "${OIBUS_CHECK_LIMIT:-150}" wine "$@" </dev/null 2>/dev/null; }
tool() { # prints also what it tells meanwhile
  local rc=0
  timeout "${OIBUS_CHECK_LIMIT:-240}" wine "$archive/oibus-installer.exe" "$@" </dev/null >"$work/said" 2>&1 9>&- || rc=$?
  tr -d '\r' <"$work/said"
  return $rc
}
state() { win sc query "$1" | tr -d '\r' | sed -n 's/.*STATE *: [0-9]* *//p'; }
start_type() { win reg query "HKLM\\SYSTEM\\CurrentControlSet\\Services\\$1" /v Start | tr -d '\r' | awk '$1 == "Start" { print $3 }'; }
page() { curl -s --max-time 2 "http://127.0.0.1:$port/"; }
old_serves() {
  local _
  for _ in $(seq $((2 * serve_limit))); do page | grep >/dev/null -c 'OIBus 3.8 of' && break; sleep 0.5; done
  page | grep >/dev/null -c 'OIBus 3.8 of' && [[ $(state OIBus) == RUNNING && $(start_type OIBus) == 0x2 ]]
}
ours_serves() {
  local _
  for _ in $(seq $((2 * serve_limit))); do curl -sf --max-time 2 -o /dev/null "http://127.0.0.1:$port/api/status" && break; sleep 0.5; done
  curl -sf -o /dev/null "http://127.0.0.1:$port/api/status" && ! page | grep >/dev/null -c 'OIBus 3.8' && [[ $(state OIBus-Go) == RUNNING && $(state OIBus) == STOPPED && $(start_type OIBus) == 0x4 ]]
}
sums() { find "$data" -type f -not -path '*/logs/*' -exec sha256sum {} + | sort; }
untouched() { diff <(sums) "$work/sums"; }
restart_windows() {
  wineserver -k >/dev/null 2>&1 || true
  wineserver -w >/dev/null 2>&1
  wineserver -p >/dev/null 2>&1 9>&-
  timeout 120 wine wineboot </dev/null >/dev/null 2>&1 9>&-
}
on_failure() { tail -n 12 "$work/said" "$drive/ProgramData/OIBus/logs/launcher.log" 2>/dev/null; win sc query OIBus; win sc query OIBus-Go; }
record="$drive/ProgramData/OIBus Installer/switch.json"

make() {
  source $here/make.sh
  programs 3.9.0 windows amd64 || return
  local from=$work/cross-3.9.0/windows-amd64
  mkdir -p "$archive/binaries" "$drive/Program Files/OIBus"
  cp "$from/oibus-launcher.exe" "$from/oibus-installer.exe" "$archive/" && cp "$from/oibus.exe" "$archive/binaries/" || return
  CGO_ENABLED=0 GOOS=windows GOARCH=amd64 go build -overlay="$overlay" -trimpath -o "$drive/Program Files/OIBus/nssm.exe" ./$here/standin && cp "$drive/Program Files/OIBus/nssm.exe" "$drive/Program Files/OIBus/oibus-launcher.exe" || return
  CGO_ENABLED=0 go build -trimpath -o "$work/standin" ./$here/standin || return
  [[ -x $work/oibus-cloudsim ]] || GOBIN=$work go install ./testing/cloudsim/cmd/oibus-cloudsim
}
simulator=''
simulate() {
  "$work/oibus-cloudsim" --listen "${sim#*//}" --state "$work/cloudsim-switch.json" --quiet >/dev/null 2>&1 9>&- &
  simulator=$!
  trap 'kill $simulator 2>/dev/null' EXIT
  curl -sf --retry 50 --retry-delay 0 --retry-all-errors --retry-max-time 20 -o /dev/null $sim/control
}
# The service as the install script of the reference makes it: NSSM, and in the registry what it runs.
old_service() {
  local key='HKLM\SYSTEM\CurrentControlSet\Services\OIBus'
  "$work/standin" prepare $reference "$data" $sim $port || return
  win sc create OIBus 'binPath=' '"C:\Program Files\OIBus\nssm.exe"' 'start=' auto 'DisplayName=' OIBus || return
  win reg add "$key\\Parameters" /v Application /t REG_EXPAND_SZ /d 'C:\Program Files\OIBus\oibus-launcher.exe' /f || return
  win reg add "$key\\Parameters" /v AppParameters /t REG_EXPAND_SZ /d '--config "C:\OIBusData"' /f || return
  win reg add "$key\\Parameters" /v AppDirectory /t REG_EXPAND_SZ /d 'C:\Program Files\OIBus' /f || return
  # Every Windows has the list of the sources of the event log.
  win reg add 'HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application' /f || true
  sums >"$work/sums"
  win net start OIBus
  old_serves
}
t 'the programs are made' make
rm -f "$work/cloudsim-switch.json"
simulate
t 'a site of OIBus 3.8 runs as a service of NSSM' old_service
said() { local text=$1; shift; "$@" | tee /dev/stderr | grep -cF -- "$text" >/dev/null; }
refused() { local text=$1; shift; local out; out=$("$@") && { echo "$out"; return 1; }; echo "$out"; grep -qF -- "$text" <<<"$out"; }
plain() { refused '--switch-from' tool install && old_serves && [[ ! -e "$drive/Program Files/OIBus/oibus-installer.exe" && ! -e "$drive/Program Files/OIBus-go" ]]; }
t 'setting up the archive does not take its service' plain
offline() { kill $simulator; wait $simulator 2>/dev/null || true; refused 'has not answered' tool install --switch-from 'C:\OIBusData' --wait 5s && old_serves && untouched && [[ ! -e $record && -z $(state OIBus-Go) && ! -e $drive/ProgramData/OIBus/state ]]; }
t 'without OIAnalytics it goes back by itself, and says why' offline
simulate
switched() { said "OIAnalytics at $sim has answered it" tool install --switch-from 'C:\OIBusData'; }
t 'the site is switched with one command' switched
t 'ours serves on the port of the other, which is stopped and disabled' ours_serves
t 'the data of the other is as it was' untouched
operator() { curl -sf -u "operator:$(sed -n 's/.*"user operator": *"\(.*\)",*/\1/p' ../shared/reference-data/expected.json)" "http://127.0.0.1:$port/api/users/current-user" | grep >/dev/null -c operator; }
t 'users and passwords are those of before' operator
known() { tool status | tee /dev/stderr | grep -c "registered with $sim" >/dev/null && [[ $(curl -sf $sim/control/agents | grep -o ksRPPSSO8mpQzYyk | wc -l) == 1 ]]; }
t 'OIAnalytics knows it as the same one' known
again() { restart_windows; ours_serves; }
t 'ours serves after a restart of Windows, and the other stays away' again
t 'the same command says that it is done' said 'was switched already' tool install --switch-from 'C:\OIBusData'
back() { said 'OIBus 3.8.8 runs again' tool install --switch-back && old_serves && [[ -z $(state OIBus-Go) && ! -e $record && -e $drive/ProgramData/OIBus/state/souths ]]; }
t 'and back with one command; ours keeps its data' back
back_again() { restart_windows; old_serves; }
t 'the other serves after a restart' back_again
second() { refused '--replace' tool install --switch-from 'C:\OIBusData' && old_serves; }
t 'a second switch asks before it replaces what ours has' second

# killed PHASE: as soon as the record says that it is there, the installer and what it has started are killed.
killed() {
  local _ seen='' name pid
  rm -rf "$drive/ProgramData/OIBus"
  timeout 240 wine "$archive/oibus-installer.exe" install --switch-from 'C:\OIBusData' </dev/null >"$work/said" 2>&1 9>&- &
  for _ in $(seq 6000); do
    if [[ -e $record ]]; then seen=1; grep -q "\"phase\": \"$1\"" "$record" 2>/dev/null && break; elif [[ -n $seen ]]; then break; fi
    sleep 0.01
  done
  for name in oibus-installer.exe; do for pid in $(pgrep -f "archive.*$name"); do [[ $pid == $$ ]] || kill -9 "$pid" 2>/dev/null || true; done; done
  wait $! 2>/dev/null || true
  grep -q "\"phase\": \"$1\"" "$record" || { echo "it was past $1"; cat "$record"; }
}
taken_up() { killed "$1"; tool install --switch-from 'C:\OIBusData' | grep 'Switched\|was switched already' && ours_serves && untouched && tool install --switch-back >/dev/null && old_serves; }
given_up() { killed "$1"; tool install --switch-back && old_serves && untouched && [[ ! -e $record ]]; }
for phase in stopping importing turning trial; do
  t "killed while $phase, the same command goes on" taken_up $phase
  t "killed while $phase, going back makes all as it was" given_up $phase
done
summary 'switch under Wine'
