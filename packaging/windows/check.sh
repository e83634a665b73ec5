#!/usr/bin/env bash
# check.sh MSI VERSION: what the tables of the MSI must say. It shows what no test without Windows can: that the service
# manager is told to start a failed service again, who may read the data, what happens at an upgrade. OIBUS_VERBOSE=1 lists
# all that is checked.
set -euo pipefail
msi=$1 version=$2 bad=0

# found WHAT IS-THERE: notes whether it is as it must be, 0 for yes.
found() {
  [[ -z ${OIBUS_VERBOSE:-} || $2 != 0 ]] || echo "ok      $1"
  [[ $2 == 0 ]] || { echo "check.sh: FAILED  $1" >&2; bad=1; }
}

rows() { msiinfo export "$msi" "$1" | tr -d '\r' | tail -n +4; }
# has TABLE WORDS: there is a row whose columns are these, - for any.
has() {
  local table=$1 rc=0
  shift
  rows "$table" | awk -F'\t' -v want="$(printf '%s\t' "${@//\\/\\\\}")" '
    BEGIN { n = split(want, w, "\t") - 1 }
    { ok = 1; for (i = 1; i <= n; i++) if (w[i] != "-" && $i != w[i]) ok = 0; if (ok) found = 1 }
    END { exit !found }' || rc=1
  found "$table has a row $*" $rc
}
before() { # ACTION LIMIT...: its number is between both
  local at rc=0
  at=$(rows InstallExecuteSequence | awk -F'\t' -v a="$1" '$1 == a { print $3 }')
  [[ -n $at && $at -gt $2 && $at -lt $3 ]] || rc=1
  found "the action $1 stands between $2 and $3" $rc
}

has Property ProductVersion "$version"
has Property UpgradeCode '{9E2B6C44-7C1F-4B0E-8D58-2F3A51C0B001}'
has Property ALLUSERS 1
has Property MsiHiddenProperties ADMINPASSWORD
for name in INSTALLDIR DATADIR PORT HOST REGISTER INSTANCE ADMINPASSWORD REMOVEDATA; do
  rc=0
  rows Property | awk -F'\t' '$1 == "SecureCustomProperties" { print $2 }' | tr ';' '\n' | grep -qx "$name" || rc=1
  found "the property $name reaches the elevated part" $rc
done
# The service: own process 16, automatic 2, normal and vital 32769, its own account, the folders that were chosen.
has ServiceInstall Service 'OIBus[SUFFIX]' 'OIBus [INSTANCE]' 16 2 32769 - - 'NT SERVICE\OIBus[SUFFIX]' - '--config "[DATADIR]." --settings "[DATADIR]oibus.toml" --service' Launcher
# Started at install 1, stopped at both 2 and 32, removed at uninstall 128, waited for.
has ServiceControl - 'OIBus[SUFFIX]' 163 - 1 Launcher
has MsiServiceConfigFailureActions - 'OIBus[SUFFIX]' 1 86400 - - '1[~]1[~]1' '2000[~]5000[~]30000' Launcher
has MsiServiceConfig - 'OIBus[SUFFIX]' 1 4 1 Launcher
has MsiServiceConfig - 'OIBus[SUFFIX]' 1 5 1 Launcher
has MsiServiceConfig - 'OIBus[SUFFIX]' 1 6 SeChangeNotifyPrivilege Launcher
has IniFile - OIBus.url ProgramMenuFolder InternetShortcut URL 'http://127.0.0.1:[PORT]/' 0 StartMenu
has RemoveFile - StartMenu OIBus.url ProgramMenuFolder 2
has Environment - '=-*PATH' '[~];[INSTALLDIR]' Installer
has Registry - 2 'SYSTEM\CurrentControlSet\Services\EventLog\Application\OIBus' EventMessageFile '#%%SystemRoot%\System32\EventCreate.exe' EventSource
has CustomAction Apply 11282 InstallerExe -
for old in INSTALLDIR DATADIR PORT HOST REGISTER INSTANCE; do has AppSearch "OLD$old" -; done
has AppSearch OTHERSERVICE -
# A newer version is not replaced: detected only 2, any version from this one on.
has Upgrade '{9E2B6C44-7C1F-4B0E-8D58-2F3A51C0B001}' "$version" '' - 2 - WIX_DOWNGRADE_DETECTED
has LaunchCondition - 'OIBus needs 64-bit Windows 10, Windows Server 2016 or newer.'
has LaunchCondition 'Installed OR NOT OTHERSERVICE OR INSTANCE' -
# No data folder is ever removed by itself: no component of it is a folder to be removed.
rc=0
! rows RemoveFile | grep -q DATADIR || rc=1
found 'the data folder stays' $rc
# Within the transaction, in the order that things need.
before RemoveExistingProducts 1500 1800
before StopService 1500 1900
before Forget 1900 3500
before Apply 5800 5900
before MsiConfigureServices 5800 5900
for action in $(rows CustomAction | awk -F'\t' 'int($2 / 1024) % 2 { print $1 }'); do before "$action" 1500 6600; done
[[ $bad == 0 ]] || exit 1
