#!/usr/bin/env bash
# windows.sh: the MSI under Wine: installed with properties, upgraded, refused to be downgraded, after a restart of the
# machine, upgraded remotely and taken back, removed; and the zip archive without it. See all.sh for what it needs, and
# the README for what only a real Windows can show.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
here=testing/packages
# shellcheck source=testing/packages/checks.sh
source $here/checks.sh
work=${OIBUS_PACKAGES_WORK:?}

if [[ -z ${OIBUS_WINE_OVERLAY:-} ]]; then
  # A prefix that is as new each time: nothing is left of an earlier run.
  export OIBUS_WINE_DIR=${OIBUS_PACKAGES_CACHE:-/var/tmp/oibus-packages}/wine
  if [[ ! -e $OIBUS_WINE_DIR/pristine ]]; then
    rm -rf "$OIBUS_WINE_DIR"
    OIBUS_WINE_SHELL=true testing/wine.sh
    cp -a "$OIBUS_WINE_DIR/prefix" "$OIBUS_WINE_DIR/pristine.new" && mv "$OIBUS_WINE_DIR/pristine.new" "$OIBUS_WINE_DIR/pristine"
  fi
  rm -rf "$OIBUS_WINE_DIR/prefix"
  cp -a --reflink=auto "$OIBUS_WINE_DIR/pristine" "$OIBUS_WINE_DIR/prefix"
  # In a network of its own: the usual port is free there, and nobody else is disturbed. What Go needs is fetched before.
  go list -deps ./agent/cmd/... ./launcher/cmd/... ./installer/cmd/... ./packaging/... ./testing/cloudsim/cmd/... >/dev/null
  OIBUS_WINE_SHELL="$here/windows.sh" exec unshare --net sh -c 'ip link set lo up; exec testing/wine.sh'
fi
overlay=$OIBUS_WINE_OVERLAY
win() { timeout "${OIBUS_CHECK_LIMIT:-150}" wine "$@" </dev/null 2>/dev/null; }
msiexec() { # EXPECTED-CODE ARGUMENTS: codes arrive modulo 256: 1603 is 67
  local rc=0
  win msiexec "${@:2}" || rc=$?
  [[ $rc == "$1" ]] || { echo "msiexec ends with $rc instead of $1"; return 1; }
}
# How long a service may take to start, and an upgrade, in seconds.
serve_limit=${OIBUS_SERVE_LIMIT:-30} upgrade_limit=${OIBUS_UPGRADE_LIMIT:-60}
drive=$WINEPREFIX/drive_c
data=$drive/ProgramData/OIBus programs="$drive/Program Files/OIBus"
tool() { timeout "${OIBUS_CHECK_LIMIT:-150}" wine "$programs/oibus-installer.exe" "$@" </dev/null | tr -d '\r'; }
state() { win sc query "${1:-OIBus}" | tr -d '\r' | sed -n 's/.*STATE *: [0-9]* *//p'; }
value() { win reg query 'HKLM\Software\OIBus' /v "$1" | tr -d '\r' | awk -v n="$1" '$1 == n { print $3 }'; }
ready() { curl -sf --max-time 2 --retry 200 --retry-delay 0 --retry-max-time $serve_limit --retry-all-errors -o /dev/null "http://127.0.0.1:${1:-2291}/api/status"; }
gone() { ! curl -s --max-time 1 -o /dev/null "http://127.0.0.1:${1:-2291}/api/status"; }
running() { # VERSION
  local said='' _
  for _ in $(seq $((2 * serve_limit))); do
    said=$(tool status --json) || true
    [[ $said != *"\"running\": \"$1\""* ]] || { ready; return; }
    sleep 0.5
  done
  echo "$said"
  return 1
}
restart_windows() {
  wineserver -k >/dev/null 2>&1 || true
  wineserver -w >/dev/null 2>&1
  wineserver -p >/dev/null 2>&1 9>&-
  timeout 120 wine wineboot </dev/null >/dev/null 2>&1 9>&-
}
on_failure() { tail -n 12 "$data/logs/launcher.log" 2>/dev/null; }

# The simulator runs beside Wine, which has the network of this machine.
sim=http://127.0.0.1:4599
simulate() {
  [[ -x $work/oibus-cloudsim ]] || GOOS='' GOBIN=$work go install ./testing/cloudsim/cmd/oibus-cloudsim
  "$work/oibus-cloudsim" --listen "${sim#*//}" --quiet >/dev/null 2>&1 9>&- &
  trap "kill $!" EXIT
  curl -sf --retry 50 --retry-delay 0 --retry-all-errors --retry-max-time 10 -o /dev/null $sim/control
}
# register OPTION...: somebody at OIAnalytics enters the code as soon as it shows.
register() {
  local person code='' _
  : >"$work/said"
  timeout 120 wine "$programs/oibus-installer.exe" register --host $sim --wait 40s "$@" </dev/null >"$work/said" 2>&1 9>&- &
  person=$!
  for _ in $(seq 200); do
    code=$(tr -d '\r' <"$work/said" | sed -n 's/^Activation code: //p' | head -n 1)
    [[ -z $code ]] && kill -0 $person 2>/dev/null || break
    sleep 0.05
  done
  curl -sf -o /dev/null -d "{\"activationCode\":\"$code\"}" $sim/control/registrations/approve
  wait $person || { cat "$work/said"; return 1; }
}

# The versions: 3.9.0 and 3.9.1 are packages, 3.10.0 is a remote upgrade. Programs for Wine are built with the overlay.
make() {
  local v rc=0
  source $here/make.sh
  for v in 3.9.0 3.9.1 3.10.0; do
    [[ ! -e $work/msi-made-$v ]] || continue
    programs "$v" windows amd64 && upgrade_packages "$v" windows-amd64 || return
    [[ $v == 3.10.0 ]] || OIBUS_RELEASE=$work/release-$v packaging/windows/build.sh "$v" "$work/cross-$v/windows-amd64" "$work" || { rc=1; continue; }
    touch "$work/msi-made-$v"
  done
  return $rc
}
t 'the sources for wixl and for WiX 5 say the same' packaging/windows/same.sh
t 'and what differs between them would be seen' testing/packages/same.sh
t 'the MSIs are made and their tables say what they must' make
[[ -z ${OIBUS_ONLY_MAKE:-} ]] || { summary 'MSIs made'; exit; }
one=$work/oibus-win_x64-v3.9.0.msi two=$work/oibus-win_x64-v3.9.1.msi

simulate
begun=$SECONDS typed=${EPOCHREALTIME/./}
t 'it installs silently, with properties' msiexec 0 /i "$one" /qn PORT=2291 HOST=$sim ADMINPASSWORD=horse-battery /l*v "$work/install.log"
installed=${EPOCHREALTIME/./}
t 'the service runs and answers on the port' bash -c "$(declare -f ready win state); serve_limit=$serve_limit; ready && [ \"\$(state)\" = RUNNING ]"
echo "installed and answering after $((SECONDS - begun)) s, $(du -sm "$programs" 2>/dev/null | cut -f1) MB"
t 'the password is the one of the property' curl -sf -u admin:horse-battery http://127.0.0.1:2291/api/users/current-user
# Wine prints all properties at the end, hidden or not; check.sh sees to MsiHiddenProperties and HideTarget.
t 'the password is in no other line of the log and in no file' bash -c "grep -aq 'Property(S): ADMINPASSWORD = ' '$work/install.log'; ! grep -av 'Property(S): ADMINPASSWORD = ' '$work/install.log' | grep -aq horse-battery && ! grep -rqa horse-battery '$data' '$drive/ProgramData/OIBus Installer'"
t 'status knows it' bash -c "$(declare -f tool); programs='$programs'; tool status | tee /dev/stderr | grep -c 'runs *3.9.0, the factory release'"
t 'the properties are remembered' bash -c "$(declare -f value win); [ \"\$(value Port)\" = 2291 ] && [ \"\$(value Host)\" = $sim ]"
t 'there is a link to the page in the start menu' bash -c "find '$drive' -name OIBus.url | head -n1 | xargs -d '\n' grep -q 'URL=http://127.0.0.1:2291/'"
t 'the event log knows its source' bash -c "$(declare -f win); win reg query 'HKLM\\SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\OIBus' /v TypesSupported | grep >/dev/null -c 0x7"
t 'reset-password makes a new one' bash -c "$(declare -f tool ready); serve_limit=$serve_limit; programs='$programs'; old=\$(cat '$data/secrets/first-password.txt' 2>/dev/null || true); tool reset-password && ready && [ \"\$old\" != \"\$(cat '$data/secrets/first-password.txt')\" ] && curl -sf -u \"admin:\$(cut -d' ' -f2 '$data/secrets/first-password.txt' | tr -d '\r\n')\" http://127.0.0.1:2291/api/users/current-user"
registering=${EPOCHREALTIME/./}
t 'it registers with OIAnalytics, from download to registered' register
figures 'Windows (MSI), under Wine' 2 "$typed" "$installed" $((installed + ${EPOCHREALTIME/./} - registering))
printf '\n[general]\nname = "Line 4"\n[launcher]\ntrial_window = "3s"\n[oianalytics]\ncommand_refresh_interval = 2\n' >>"$data/oibus.toml" || true # there is no folder when it was not installed
t 'a newer MSI takes its place, without being told anything again' msiexec 0 /i "$two" /qn /l*v "$work/upgrade.log"
t 'the new version runs' running 3.9.1
t 'settings, data and port are kept' bash -c "$(declare -f value win); grep -q 'Line 4' '$data/oibus.toml' && grep -q 'port = 2291' '$data/oibus.toml' && [ \"\$(value Port)\" = 2291 ] && curl -sf -u \"admin:\$(cut -d' ' -f2 '$data/secrets/first-password.txt' | tr -d '\r\n')\" http://127.0.0.1:2291/api/engine | grep >/dev/null -c 'Line 4'"
t 'an older MSI is refused' msiexec 67 /i "$one" /qn /l*v "$work/downgrade.log"
t 'and has changed nothing' running 3.9.1
started_again() { restart_windows; running 3.9.1; }
t 'it starts by itself when Windows restarts' started_again
registered() { tool status | tee /dev/stderr | grep -c "registered with $sim"; }
t 'it is still registered' registered
remote() { update_version $sim "$work/oibus-win_x64-v3.10.0.zip" 3.10.0 "$upgrade_limit" 3.9.1 && tool status | tee /dev/stderr | grep -c 'runs *3.10.0, brought by an upgrade'; }
t 'a remote upgrade comes by a command, is tried and kept under the service' remote
back() { OIBUS_CHECK_LIMIT=$upgrade_limit tool rollback && tool status | tee /dev/stderr | grep -c 'runs *3.9.1, the factory release'; }
t 'rollback goes back to the version of the MSI' back
second() { tool install --instance line5 --port 2292 && ready 2292 && [[ $(state OIBus-line5) == RUNNING ]] && ready; }
t 'a named instance runs beside it' second
dropped() {
  local line5=$drive/ProgramData/OIBus-line5 _
  printf '[launcher]\ntrial_window = "3s"\n' >>"$line5/oibus.toml"
  tool restart --instance line5 || return
  mkdir -p "$line5/update"
  cp "$work/oibus-win_x64-v3.10.0.zip" "$line5/update/x.part" && mv "$line5/update/x.part" "$line5/update/oibus-win_x64-v3.10.0.zip"
  for _ in $(seq $((2 * upgrade_limit))); do tool status --instance line5 --json | tr -d '\n ' | grep >/dev/null -c '"outcome":"committed"' && break; sleep 0.5; done
  tool status --instance line5 | tee /dev/stderr | grep -c 'runs *3.10.0, brought by an upgrade' && running 3.9.1
}
t 'a release that is dropped into its folder is tried and kept, the other instance stays' dropped
t 'and is removed with its data' bash -c "$(declare -f tool gone); programs='$programs'; tool uninstall --instance line5 --remove-data && gone 2292 && [ ! -e '$drive/ProgramData/OIBus-line5' ]"
t 'it is removed' msiexec 0 /x "$two" /qn /l*v "$work/remove.log"
t 'service, programs and keys are gone' bash -c "$(declare -f state win gone value); gone && [ -z \"\$(state)\" ] && [ ! -e '$programs' ] && [ -z \"\$(value Port)\" ] && [ -z \"\$(find '$drive' -name OIBus.url)\" ]"
t 'data and settings stay' bash -c "[ -e '$data/state/engine.json' ] && grep -q 'Line 4' '$data/oibus.toml'"
t 'installed again it is as it was' msiexec 0 /i "$two" /qn INSTANCE=line5 PORT=2293 /l*v "$work/named.log"
t 'an instance with a name has a service and a folder of its own' bash -c "$(declare -f state win ready); serve_limit=$serve_limit; ready 2293 && [ \"\$(state OIBus-line5)\" = RUNNING ] && [ -e '$drive/ProgramData/OIBus-line5/state' ]"
t 'REMOVEDATA=1 removes the data, too' msiexec 0 /x "$two" /qn REMOVEDATA=1 /l*v "$work/purge.log"
t 'and only that of the instance' bash -c "[ ! -e '$drive/ProgramData/OIBus-line5' ] && [ -e '$data/state/engine.json' ]"

# Folders of one's own, and all the other properties.
plant="$drive/Plant programs/OIBus" plant_data="$drive/Plant data"
by_properties() {
  printf 'of the file\r\n' >"$drive/first.txt"
  msiexec 0 /i "$one" /qn 'INSTALLDIR=C:\Plant programs\OIBus' 'DATADIR=C:\Plant data' PORT=2294 HOST=$sim REGISTER=1 'ADMINPASSWORDFILE=C:\first.txt' /l*v "$work/own.log" && ready 2294 || return
  [[ -e $plant/binaries/oibus.exe && -e $plant_data/state/engine.json && ! -e $programs ]] || return
  local _
  for _ in $(seq $((2 * serve_limit))); do
    ! curl -sf -u 'admin:of the file' http://127.0.0.1:2294/api/oianalytics/registration | grep >/dev/null -c '"activationCode":"' || return 0
    sleep 0.5
  done
  return 1
}
t 'folders, password file and registration are taken from the properties' by_properties
repaired() {
  rm "$plant/LICENSE" && printf '\n[general]\nname = "Line 5"\n' >>"$plant_data/oibus.toml" || return
  msiexec 0 /i "$one" /qn REINSTALL=ALL REINSTALLMODE=amus /l*v "$work/repair.log" && ready 2294 && [[ -e $plant/LICENSE ]] && grep -q 'Line 5' "$plant_data/oibus.toml"
}
t 'a repair brings back what is missing, and leaves settings alone' repaired
same_folders() { msiexec 0 /i "$two" /qn /l*v "$work/own2.log" && ready 2294 && [[ -e $plant/LICENSE && ! -e $programs ]] && programs=$plant tool status | tee /dev/stderr | grep -c 'in C:.Plant programs.OIBus' && curl -sf -u 'admin:of the file' http://127.0.0.1:2294/api/engine | grep >/dev/null -c 'Line 5'; }
t 'a newer MSI goes on in these folders' same_folders
msiexec 0 /x "$two" /qn REMOVEDATA=1 >/dev/null || true

# The archive, on a machine that has never seen OIBus. Every Windows has the list of the sources of the event log; a Wine
# that no MSI has made it for has not.
win reg add 'HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application' /f >/dev/null || true
rm -rf "$drive/ProgramData/OIBus" "$drive/ProgramData/OIBus Installer"
at() { printf '%s' "$drive/archive-$1"; } # VERSION
unpack() { unzip -q "$work/oibus-win_x64-v$1.zip" -d "$(at "$1")"; }
from_archive() { # VERSION VERB...
  local folder
  folder=$(at "$1")
  timeout "${OIBUS_CHECK_LIMIT:-150}" wine "$folder/oibus-installer.exe" "${@:2}" </dev/null | tr -d '\r'
}
zip_journey() {
  local begun=${EPOCHREALTIME/./} installed
  unpack 3.9.0 && from_archive 3.9.0 install || return
  installed=${EPOCHREALTIME/./}
  register || return
  figures 'Windows (zip), under Wine' 3 "$begun" "$installed" "${EPOCHREALTIME/./}"
}
t 'from download to registered, zip' zip_journey
service_of_zip() { ready 2223 && [[ $(state) == RUNNING ]] && win reg query 'HKLM\SYSTEM\CurrentControlSet\Services\OIBus' /v ImagePath | tee /dev/stderr | grep -cF 'C:\Program Files\OIBus\oibus-launcher.exe' && [[ -e $data/state/engine.json ]]; }
t 'the zip: a service runs, from the folder of programs, with a folder of data' service_of_zip
t 'the zip: status knows it' bash -c "$(declare -f tool); programs='$programs'; tool status | tee /dev/stderr | grep -c 'runs *3.9.0, the factory release'"
t 'the zip: doctor finds no problem' tool doctor
newer_zip() { unpack 3.9.1 && from_archive 3.9.1 install && tool status | tee /dev/stderr | grep -c 'runs *3.9.1, the factory release' && registered; }
t 'the zip: that of a newer version takes its place and keeps the registration' newer_zip
zip_again() { restart_windows; ready 2223 && [[ $(state) == RUNNING ]]; }
t 'the zip: it starts by itself when Windows restarts' zip_again
zip_kept() { from_archive 3.9.1 uninstall && gone 2223 && [[ -z $(state) && ! -e $programs && -e $data/state/engine.json ]]; }
t 'the zip: removed it keeps its data' zip_kept
zip_back() { from_archive 3.9.1 install && registered; }
t 'the zip: installed again it is as it was' zip_back
zip_gone() { from_archive 3.9.1 uninstall --remove-data && gone 2223 && [[ -z $(state) && ! -e $programs && ! -e $data ]]; }
t 'the zip: removed with its data it leaves nothing' zip_gone

# Beside OIBus 3.8, whose service NSSM runs under the same name.
beside_old() {
  local rc=0
  win reg add 'HKLM\SYSTEM\CurrentControlSet\Services\OIBus\Parameters' /v Application /d 'C:\OIBus\oibus.exe' /f >/dev/null || return
  msiexec 67 /i "$one" /qn || rc=1
  [[ ! -e $programs/oibus-launcher.exe ]] || rc=1
  win reg delete 'HKLM\SYSTEM\CurrentControlSet\Services\OIBus' /f >/dev/null || rc=1
  return $rc
}
t 'the MSI is refused where OIBus 3.8 runs under that name' beside_old

# A signature: made with a certificate of our own, and found good.
sign() {
  openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/key.pem" -out "$work/cert.pem" -subj /CN=OIBus-test -days 2 -addext extendedKeyUsage=codeSigning 2>/dev/null
  cp "$one" "$work/signed.msi"
  cp "$work/cross-3.9.0/windows-amd64/oibus.exe" "$work/signed.exe"
  OIBUS_SIGN_CERTIFICATE=$work/cert.pem OIBUS_SIGN_KEY=$work/key.pem packaging/windows/sign.sh "$work/signed.msi" "$work/signed.exe"
  osslsigncode verify -CAfile "$work/cert.pem" -in "$work/signed.msi" | grep >/dev/null -c 'Succeeded' && osslsigncode verify -CAfile "$work/cert.pem" -in "$work/signed.exe" | grep >/dev/null -c 'Succeeded'
}
t 'programs and MSI are signed when there is a certificate' sign
summary 'MSI under Wine'
