#!/usr/bin/env bash
# broken.sh [VARIANT]...: shows that no check of the packages is one that cannot fail. It makes packages that are broken on
# purpose, each in a few ways, runs the checks of linux.sh, windows.sh and packaging/windows/check.sh on them, and prints
# for each check which variant it has found out. It fails when a check has found out none. With names, only these
# variants are tried; with --report none, and the result of the run before is told again.
#
# A variant is a copy of the project in which a few lines are changed; only the programs that they change are built anew.
# It needs the good packages in OIBUS_PACKAGES_WORK (see all.sh) and installs nothing here: packages are installed in
# machines and Wine prefixes that are thrown away.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
here=testing/packages project=$PWD
good=${OIBUS_PACKAGES_WORK:?}
broken=$good/broken
started=$SECONDS
# Whatever ends this ends what it has started.
leave() {
  local left
  left=$(jobs -p)
  [[ -z $left ]] || { kill $left 2>/dev/null; wait; } || true
}
trap leave EXIT
trap 'exit 1' INT TERM

# mutate FILE SED-SCRIPT: changes a file of the copy. One that stays as it is no longer breaks what it did.
mutate() {
  cp "$1" "$1.was"
  sed -E -i "$2" "$1"
  ! cmp -s "$1" "$1.was" || { echo "broken.sh: nothing in $1 is changed by: $2" >&2; exit 1; }
  rm "$1.was"
}
unit=installer/oibus.service wxs=packaging/windows/product.wxs msi=packaging/windows/build.sh
postinst=packaging/linux/deb/postinst.sh postrm=packaging/linux/deb/postrm.sh

# Each variant: what is broken, for which parts; which programs are to be built anew; and how many seconds a check, a start
# and an upgrade may take, as far as the good packages need less. A function of its name breaks it.
declare -A about parts programs limits
variant() { about[$1]=$2 parts[$1]=$3 programs[$1]=$4 limits[$1]=$5; }

variant asks 'it asks, or refuses to be installed' 'debian redhat' '' '10 1 1'
asks() {
  mutate $postinst "s/^set -e$/set -e\nprintf 'Port of the page? '; read -r port/"
  mutate packaging/linux/rpm/pre.sh '1s/^/exit 1\n/'
  mutate packaging/linux/nfpm.yaml 's/depends: \[systemd, "/depends: [oibus-nonsense, systemd, "/'
}

variant dead 'the service cannot start, and gives up' 'debian redhat windows' oibus-installer '10 1 1'
dead() {
  mutate $unit 's/oibus-launcher --config/oibus-launcher --version --config/; s/^Restart=always/Restart=no/'
  mutate $wxs 's/Arguments="--config/Arguments="--version --config/'
  mutate installer/install.go 's/Args: \[\]string\{"--config"/Args: []string{"--version", "--config"/'
}

variant naked 'no user, no hardening, no watchdog, no man pages, no completion, wrong modes' 'debian redhat' oibus-installer '25 8 20'
naked() {
  mutate $unit '/^# What it is kept away/,/^SystemCallErrorNumber/d; /^(User|Group|WatchdogSec|UMask)=/d'
  mutate packaging/linux/nfpm.yaml '/share\/man\//d; /bash-completion|share\/(zsh|fish)\//d; s/mode: 0640/mode: 0644/; s/(oibus-sbom.json", dst: .*mode: )0644/\10666/'
  mutate $postinst '/^ *(chown|chmod) /s/(chown|chmod)/: &/'
  mutate packaging/linux/rpm/post.sh '1s/^/chmod 0777 \/usr\/lib\/oibus\/oibus.toml.example\n/'
}

variant forgets 'each start, and each install, forgets the state and the upgrades; archives go to the wrong folder' 'debian redhat' oibus-installer '25 8 20'
forgets() {
  mutate $unit "s/^ExecStart=/ExecStartPre=-\/bin\/sh -c 'rm -rf {{data}}\/state {{data}}\/versions {{data}}\/launcher.json {{data}}\/secrets'\n&/"
  mutate installer/install.go 's/^\tfresh, err := freshData/\tif err := os.RemoveAll(filepath.Join(i.Data, "state")); err != nil {\n\t\treturn nil, err\n\t}\n&/; s/^\treturn usual, nil/\treturn usual + "-wrong", nil/'
}

variant brittle 'what has crashed stays down; an upgrade replaces the settings and restarts nothing' 'debian redhat' 'oibus-launcher oibus-installer' '25 4 20'
brittle() {
  mutate $unit 's/^Restart=always/Restart=no/; /^ConditionFileIsExecutable=/d'
  mutate launcher/supervisor.go 's/^\t\ts\.wait\(ctx, past/\t\tif e.killedFor == "" \&\& !e.wishedRestart() {\n\t\t\treturn\n\t\t}\n&/'
  mutate $postinst 's/^( *)deb-systemd-invoke restart oibus.*/\1: >\/etc\/oibus\/oibus.toml/; s/^( *)systemctl --system restart .*/\1:/'
  mutate packaging/linux/rpm/postun.sh 's/systemctl try-restart .*; fi/: >\/etc\/oibus\/oibus.toml; fi/'
}

variant stuck 'the service never stops' 'debian redhat' oibus-installer '20 8 3'
stuck() { mutate $unit 's/^TimeoutStopSec=.*/TimeoutStopSec=infinity\nKillSignal=SIGCONT/'; }

variant careless 'it restarts twice, deletes what should stay, leaves what should go, takes what is of others, forgets its properties, lets older ones in; its launcher takes no upgrade and no rollback' 'debian redhat windows' oibus-launcher '25 8 20'
careless() {
  mutate $postinst 's/^set -e$/set -e\nrm -f \/var\/lib\/oibus\/oibus.init.json/; s/^( *)deb-systemd-invoke restart oibus.*/&\n&/'
  mutate $postinst 's/^(ours\(\) .* grep -q) [^;]*/\1 ./'
  mutate packaging/linux/deb/prerm.sh 's/^(ours\(\) .* grep -q) [^;]*/\1 ./'
  mutate packaging/linux/rpm/post.sh 's/(oibus.service 2>.* grep -q) [^;]*/\1 ./'
  mutate packaging/linux/rpm/postun.sh 's/(oibus.service 2>.* grep -q) [^;]*/\1 ./'
  mutate packaging/linux/rpm/preun.sh 's/(oibus.service 2>.* grep -q) [^;]*/\1 ./'
  mutate packaging/linux/deb/prerm.sh 's/--switch-back/--help/'
  mutate packaging/linux/rpm/preun.sh 's/--switch-back/--help/'
  mutate $postrm 's/^( *)mv "\$1\.replaced-by-oibus".*/\1:/'
  # A service that fails is left behind, also after a restart.
  local left='printf "[Service]\\nExecStart=false\\n[Install]\\nWantedBy=multi-user.target\\n" >\/etc\/systemd\/system\/left.service; systemctl enable -q --now left || :'
  mutate $postrm "s/^purge\\)$/&\n  $left/"
  mutate packaging/linux/rpm/preun.sh "1s/^/[ \$1 -ne 0 ] || { $left; }\n/"
  mutate $postrm 's/^  \[ -f "\$other" \] \|\| /  /; s/^remove\)$/remove)\n  rm -rf \/var\/lib\/oibus/; s/^ *rm -rf \/var\/lib\/oibus-instances.*/:/'
  mutate packaging/linux/rpm/postun.sh 's/(systemctl try-restart .*); fi/\1; \1; fi/'
  mutate packaging/linux/rpm/preun.sh '1s/^/[ $1 -ne 0 ] || rm -rf \/var\/lib\/oibus\n/'
  mutate $wxs '/RegistryValue .*Name="Port"/d; /Name="TypesSupported"/d; s/Start="auto"/Start="demand"/; s/Installed OR NOT OTHERSERVICE OR INSTANCE/1/; s/>REMOVEDATA="1"</>NOT REMOVEDATA="1"</; s/\[NEWHOST\]/http:\/\/leak\/[ADMINPASSWORD]/'
  # shellcheck disable=SC2016 # the backquotes are those of SQL
  mutate $msi 's/^# The same for the same content.*/q "DELETE FROM \\`Upgrade\\` WHERE \\`ActionProperty\\`='"'WIX_DOWNGRADE_DETECTED'"'"\nq "UPDATE \\`IniFile\\` SET \\`Value\\`='"'http:\/\/127.0.0.1\/'"'"/'
  mutate packaging/windows/sign.sh 's/^set -euo pipefail$/exit 0/'
  mutate launcher/upgrade/watch.go 's/^func \(w \*Watcher\) Next\(.*/&\n\tif w != nil {\n\t\treturn Order{}, false\n\t}/'
}

variant confused 'the verbs of oibus-installer do the wrong thing' 'debian redhat windows' oibus-installer '25 8 8'
confused() {
  mutate packaging/windows/same.sh 's/^diff /true /'
  mutate installer/status.go 's/^\t\tif !s\.well\(\)/\t\tif s.well()/'
  mutate installer/doctor.go 's/f\.Level == problem/f.Level != problem/; s/^\ta\.settings\(m, i\)$//; s/^\ta\.connectors\(ctx, m, i\)$//'
  mutate installer/register.go 's/"\/api\/oianalytics\/register"/"\/api\/oianalytics\/nonsense"/'
  mutate installer/password.go 's/"--reset-password"/"--version"/; s/\+"\/password"/+"\/nonsense"/'
  mutate installer/rollback.go 's/wanted == "" && len\(known\) > 0 \|\| //'
  mutate installer/place.go 's/^\t\tp\.foreign = true/\t\tp.foreign = false/; s/^\tcase p\.packaged\(\):/\tcase false:/'
  mutate installer/install_port.go 's/^\treturn port, j\.portFree\(.*/\treturn port, nil/'
  mutate installer/import.go 's/im\.files\["state\/engine.json"\] == nil/im.files["state\/engine.json"] != nil/'
  mutate installer/registry.go 's/^\tfor taken\[port\] \{/\tfor taken[0] {/; s/case port != 0 \&\& portOf\(.*\) == port:/case false:/; s/case nested\(.*\):/case false:/'
  mutate installer/uninstall.go 's/^\tif j\.removeData \{/\tif !j.removeData {/'
  mutate installer/install_files.go 's/"adminPassword": password/"adminPassword": ""/'
  mutate installer/programs.go 's/^\tif samePath\(from, i\.Programs\) \{/\tif hasPrograms(i.Programs) == nil || samePath(from, i.Programs) {/'
}

variant tables 'the MSI has a service without an account, which its builder sees, and cannot be removed' windows '' '25 4 8'
tables() { mutate $wxs 's/ Account="[^"]*"//; s/>Installed OR \(VersionNT64[^<]*</>NOT Installed</'; }

# copy VARIANT SYSTEM makes the broken copy of the project and names it.
copy() {
  local tree=$broken/$1-$2/tree
  rm -rf "$broken/$1-$2"
  mkdir -p "$tree/dist"
  cp -r agent installer launcher packaging platform testing go.mod go.sum LICENSE oibus.toml.example "$tree/"
  ln -s "$project/dist/tools" "$tree/dist/tools"
  (cd "$tree" && "$1") || return
  # What the tables must say is checked of the variant for that, and below; the others are to be built.
  [[ $1 == tables || $2 != windows ]] || printf '#!/bin/sh\n' >"$tree/packaging/windows/check.sh"
}

# own_prefix lets a variant have a Wine of its own, made from the one of all.sh.
own_prefix() {
  local from=${OIBUS_PACKAGES_CACHE:-/var/tmp/oibus-packages}/wine
  export OIBUS_PACKAGES_CACHE=$OIBUS_PACKAGES_WORK/cache
  mkdir -p "$OIBUS_PACKAGES_CACHE/wine"
  cp -al "$from/pristine" "$from/ready" "$OIBUS_PACKAGES_CACHE/wine/"
}

# try VARIANT SYSTEM makes the packages of a variant and runs its parts.
try() {
  local v=$1 system=$2 part begun=$SECONDS check serve upgrade
  read -r check serve upgrade <<<"${limits[$v]}"
  # A machine that has other work is given more time: what is cut off proves nothing of the checks after it.
  local patience
  patience=$(awk -v cores="$(nproc)" '{ print int(1 + $1 / cores / 4) }' /proc/loadavg)
  check=$((check * patience)) serve=$((serve * patience)) upgrade=$((upgrade * patience))
  export OIBUS_GOOD=$good OIBUS_CHANGED=${programs[$v]} OIBUS_PACKAGES_WORK=$broken/$v-$system OIBUS_RELEASE_TOOL=$broken/release-tool
  # Only one of them has what lintian and rpmlint look at, and they take their time.
  [[ $v == naked ]] || export OIBUS_NO_LINT=1 OIBUS_COMPRESSION=zstd:fastest
  export OIBUS_ONE_BY_ONE=1 OIBUS_CHECK_LIMIT=$check OIBUS_SERVE_LIMIT=$serve OIBUS_UPGRADE_LIMIT=$upgrade OIBUS_REBOOT_LIMIT=$((8 * patience))
  copy "$v" "$system" || return
  cd "$broken/$v-$system/tree"
  if [[ $system == linux ]]; then
    work=$OIBUS_PACKAGES_WORK
    # shellcheck source=testing/packages/make.sh
    source $here/make.sh
    linux_packages 3.9.0 3.10.0 3.9.1 3.11.0 >"$broken/$v-made.log" 2>&1 || { cat "$broken/$v-made.log"; return 1; }
  fi
  for part in ${parts[$v]}; do
    case $system/$part in
      linux/windows | windows/debian | windows/redhat) ;;
      windows/windows) own_prefix; $here/windows.sh >"$broken/$v.$part.log" 2>&1 & wait $! || true ;;
      *) OIBUS_STOP_AT_FAILURE=$([[ $v != asks ]] || echo 4) $here/linux.sh "$part" >"$broken/$v.$part.log" 2>&1 & wait $! || true ;;
    esac
  done
  cd "$project"
  rm -rf "$broken/$v-$system"
  echo "   $v on $system: $((SECONDS - begun)) s"
}
if [[ ${1:-} == --try ]]; then
  try "$2" "$3"
  exit
fi

# Tables of an MSI that say the wrong thing, and what check.sh finds of it.
declare -A wrong=(
  [account]="UPDATE \`ServiceInstall\` SET \`StartName\`=''"
  [control]="UPDATE \`ServiceControl\` SET \`Event\`=1"
  [downgrade]="DELETE FROM \`Upgrade\` WHERE \`ActionProperty\`='WIX_DOWNGRADE_DETECTED'"
  [forgotten]="DROP TABLE \`AppSearch\`"
  [lost]="UPDATE \`Property\` SET \`Value\`='NOTHING' WHERE \`Property\`='SecureCustomProperties'"
  [shown]="UPDATE \`Property\` SET \`Value\`='NOTHING' WHERE \`Property\`='MsiHiddenProperties'|UPDATE \`CustomAction\` SET \`Type\`=3090 WHERE \`Action\`='Apply'"
  [other]="UPDATE \`Property\` SET \`Value\`='1.2.3' WHERE \`Property\`='ProductVersion'|UPDATE \`Property\` SET \`Value\`='{00000000-0000-0000-0000-000000000001}' WHERE \`Property\`='UpgradeCode'|UPDATE \`Property\` SET \`Value\`='2' WHERE \`Property\`='ALLUSERS'"
  [recovery]="DROP TABLE \`MsiServiceConfigFailureActions\`|DROP TABLE \`MsiServiceConfig\`"
  [unlinked]="DROP TABLE \`IniFile\`|DROP TABLE \`Environment\`|UPDATE \`Registry\` SET \`Value\`='nothing' WHERE \`Name\`='EventMessageFile'|UPDATE \`RemoveFile\` SET \`InstallMode\`=1"
  [anywhere]="DROP TABLE \`LaunchCondition\`"
  [removed]="INSERT INTO \`RemoveFile\` (\`FileKey\`,\`Component_\`,\`FileName\`,\`DirProperty\`,\`InstallMode\`) VALUES ('Data','Launcher','*','DATADIR',2)"
  [early]="UPDATE \`InstallExecuteSequence\` SET \`Sequence\`=1 WHERE \`Action\`='RemoveExistingProducts'|UPDATE \`InstallExecuteSequence\` SET \`Sequence\`=2 WHERE \`Action\`='StopService'|UPDATE \`InstallExecuteSequence\` SET \`Sequence\`=3 WHERE \`Action\`='Forget'|UPDATE \`InstallExecuteSequence\` SET \`Sequence\`=4 WHERE \`Action\`='Apply'|UPDATE \`InstallExecuteSequence\` SET \`Sequence\`=5 WHERE \`Action\`='MsiConfigureServices'"
)
wrong_tables() {
  local name sql msi=$broken/wrong.msi
  OIBUS_VERBOSE=1 packaging/windows/check.sh "$good/oibus-win_x64-v3.9.0.msi" 3.9.0 >"$broken/good.tables.log"
  for name in "${!wrong[@]}"; do
    cp "$good/oibus-win_x64-v3.9.0.msi" "$msi"
    while IFS= read -r sql; do msibuild "$msi" -q "$sql"; done < <(tr '|' '\n' <<<"${wrong[$name]}")
    OIBUS_VERBOSE=1 packaging/windows/check.sh "$msi" 3.9.0 >"$broken/$name.tables.log" 2>&1 || true
    sed -i 's/^check.sh: //' "$broken/$name.tables.log"
  done
  rm -f "$msi"
}

all=(confused careless naked stuck dead forgets brittle asks tables)
chosen=("$@")
[[ $# -gt 0 && $1 != --report ]] || chosen=("${all[@]}")
on() { # SYSTEM: the variants that have a part for it
  local v p
  for v in "${chosen[@]}"; do
    for p in ${parts[$v]:?there is no variant $v}; do
      [[ $1 == windows && $p == windows || $1 == linux && $p != windows ]] && { echo "$v"; break; }
    done
  done
}
# All of them wait most of the time.
# queue WORKERS SYSTEM: tries the variants, a few at a time.
queue() {
  local v rc=0
  trap leave EXIT
  for v in $(on "$2"); do
    while (($(jobs -pr | wc -l) >= $1)); do wait -n || rc=1; done
    "$here/broken.sh" --try "$v" "$2" &
  done
  while [[ -n $(jobs -pr) ]]; do wait -n || rc=1; done
  return $rc
}
run() {
  local tables linux windows='' rc=0
  mkdir -p "$broken"
  rm -f "$broken"/*.log
  go build -o "$broken/release-tool" ./packaging/release
  wrong_tables & tables=$!
  queue "${OIBUS_JOBS:-3}" linux & linux=$!
  [[ -n ${OIBUS_NO_WINE:-} ]] || { queue 2 windows & windows=$!; }
  wait $tables || rc=1
  wait $linux || rc=1
  [[ -z $windows ]] || wait "$windows" || rc=1
  [[ $rc == 0 ]] || { echo 'broken.sh: a variant could not be made' >&2; exit 1; }
}
[[ ${1:-} == --report ]] || run

# The table: each check, in order, with the variant that fails least besides.
report() {
  local part
  for part in debian redhat windows tables; do
    ls "$broken"/*."$part".log >/dev/null 2>&1 || continue
    awk -v part=$part '
      function sentence(line) { sub(/^(ok|FAILED) +([0-9]+ ms +)?/, "", line); return line }
      FNR == 1 { name = FILENAME; sub(/.*\//, "", name); sub(/\..*/, "", name) }
      /^(ok|FAILED) / { s = sentence($0); if (!(s in seen)) { seen[s] = 1; order[++n] = s } }
      /^FAILED / { failed[name]++; if (index(by[s], " " name " ") == 0) by[s] = by[s] " " name " " }
      END {
        for (i = 1; i <= n; i++) {
          m = split(by[order[i]], names, " "); best = ""
          for (j = 1; j <= m; j++) if (best == "" || failed[names[j]] < failed[best]) best = names[j]
          others = (m > 1) ? "+" (m - 1) : ""
          printf "%-8s %-11s %-4s %s\n", part, (best == "" ? "NONE" : best), others, order[i]
        }
      }' "$broken"/*."$part".log
  done
}
report >"$broken/table"
printf '== what each check has found out: part, variant that fails least besides, number of others, check\n'
cat "$broken/table"
printf '== variants\n'
for v in "${chosen[@]}"; do
  printf '%-10s %s:' "$v" "${about[$v]}"
  for part in ${parts[$v]}; do
    [[ ! -e $broken/$v.$part.log ]] || printf ' %s %d of %d' "$part" "$(grep -c '^FAILED ' "$broken/$v.$part.log")" "$(grep -cE '^(ok|FAILED) ' "$broken/$v.$part.log")"
  done
  echo
done
rc=0
for part in linux windows; do
  # No check may be missing because a run ended before it.
  sed -nE "s/^( *|.* )t '([^']*)' .*/\2/p" "$here/$part.sh" | sort -u | while IFS= read -r sentence; do
    awk -v s="$sentence" 'index($0, s) == length($0) - length(s) + 1 { found = 1 } END { exit !found }' "$broken/table" || { echo "never run: $sentence"; exit 1; }
  done || rc=1
done
[[ ${#chosen[@]} -eq ${#all[@]} ]] || exit 0
never=$(grep -cE '^[a-z]+ +NONE ' "$broken/table" || true)
echo "== broken packages: $(wc -l <"$broken/table") checks, $never have never failed, $((SECONDS - started)) s"
[[ $never == 0 && $rc == 0 ]]
