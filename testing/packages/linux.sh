#!/usr/bin/env bash
# linux.sh: the deb and the rpm on a booted systemd: what an administrator does with them, from the first installation to
# the purge, and what happens to them meanwhile. See all.sh for what it needs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
here=testing/packages
# shellcheck source=testing/packages/checks.sh
source $here/checks.sh
# shellcheck source=testing/packages/linux_parts.sh
source $here/linux_parts.sh

work=${OIBUS_PACKAGES_WORK:?} # holds the packages of the versions below
export DIR=$work/machines ROOT=${OIBUS_PACKAGES_ROOT:?}
machine=oibus$$
only=${1:-}

# How long a whole check, the start of a service and an upgrade may take, in seconds.
check_limit=${OIBUS_CHECK_LIMIT:-180} serve_limit=${OIBUS_SERVE_LIMIT:-20} upgrade_limit=${OIBUS_UPGRADE_LIMIT:-60}
# In a machine that goes down, what has just entered it may neither end nor be ended: so there is also a limit from here.
m() { timeout -k 1 $((check_limit + 10)) $here/machine.sh run "$machine" timeout -k 1 "$check_limit" bash -euo pipefail -c "$*"; }
on_failure() { $here/machine.sh run "$machine" journalctl -b --no-pager -n 20 -o cat; }
boot() {
  $here/machine.sh start "$machine" --private-network --bind-ro="$work:/work"
  trap '$here/machine.sh stop "$machine"; leave_beside' EXIT
  trap 'exit 1' INT TERM
}
beside='' # a second machine
leave_beside() { [[ -z $beside ]] || { kill "$beside" 2>/dev/null; wait "$beside"; } || true; }
off() { $here/machine.sh stop "$machine"; trap leave_beside EXIT; }

# Snippets for inside the machine.
url=http://127.0.0.1:2223
serves="curl -sf --max-time 2 --retry 100 --retry-delay 0 --retry-max-time $serve_limit --retry-all-errors -o /dev/null $url/api/status"
login='password=$(cut -d" " -f2 /var/lib/oibus/secrets/first-password.txt)'
api="$login; api() { curl -sf --max-time 20 -u admin:\$password \"\$@\"; }"
# version VERSION: that one runs and serves; the launcher notes it a moment after the agent answers.
version() { m "for i in \$(seq $((5 * serve_limit))); do oibus-installer status --json | grep >/dev/null -c '\"running\": \"$1\"' && break; sleep 0.2; done; oibus-installer status --json | tee /dev/stderr | grep -c '\"running\": \"$1\"'; $serves"; }
pid_of_agent='pgrep -u oibus -x oibus | head -n1'

# The simulator keeps what it knows: it is started again after a restart of the machine.
sim=http://127.0.0.1:4500
simulate="systemctl is-active -q cloudsim || systemd-run --quiet --unit=cloudsim /work/oibus-cloudsim --listen 127.0.0.1:4500 --state /root/cloudsim.json --quiet
  curl -sf --retry 50 --retry-delay 0 --retry-all-errors --retry-max-time 10 -o /dev/null $sim/control"

register() { # INSTANCE-OPTION
  m "$simulate"
  m "code=\$(oibus-installer register $1 --host http://127.0.0.1:4500 --json | sed -n 's/.*\"activationCode\": \"\\(.*\\)\",*/\\1/p')
     test \${#code} = 6
     curl -sf -X POST -H 'content-type: application/json' -d \"{\\\"activationCode\\\":\\\"\$code\\\"}\" http://127.0.0.1:4500/control/registrations/approve
     oibus-installer register $1 --wait 40s | grep >/dev/null -c 'Registered with http://127.0.0.1:4500'"
}

# journey PLATFORM COMMAND...: from the download to the registration, as a person goes: the last command registers, and
# somebody at OIAnalytics enters the code as soon as it shows.
journey() {
  local platform=$1 count=$(($# - 1)) begun installed
  shift
  m "$simulate"
  begun=${EPOCHREALTIME/./}
  while (($# > 1)); do
    m "$1 >/dev/null 2>/tmp/said || { cat /tmp/said; exit 1; }" || return
    shift
  done
  installed=${EPOCHREALTIME/./}
  m ": >/tmp/said; $1 >/tmp/said 2>&1 & person=\$!
     for i in \$(seq 100); do code=\$(sed -n 's/^Activation code: //p' /tmp/said | head -n1); test -z \"\$code\" || break; sleep 0.05; done
     curl -sf -o /dev/null -d \"{\\\"activationCode\\\":\\\"\$code\\\"}\" $sim/control/registrations/approve
     wait \$person || { cat /tmp/said; exit 1; }" || return
  figures "$platform" $count "$begun" "$installed" "${EPOCHREALTIME/./}"
}

score() { m 'systemd-analyze security --no-pager oibus | tail -n1; systemd-analyze security --threshold=15 oibus >/dev/null'; }
# pss sums the memory of the launcher and the agent, in kB; a shared page counts for its share.
pss='cat $(pgrep -u oibus | sed "s|.*|/proc/&/smaps_rollup|") | awk "/^Pss:/{s+=\$2} END{print s}"'

checks_of_a_life() {
  t 'it runs and starts with the machine' m 'systemctl is-active -q oibus && systemctl is-enabled -q oibus'
  t 'it serves' m "$serves"
  t 'it runs as its own user, in folders of its own' m 'test "$(stat -c "%U %a" /var/lib/oibus)" = "oibus 700" && test "$(stat -c "%U:%G %a" /etc/oibus/oibus.toml)" = "root:oibus 640" && ! pgrep -x oibus -u root'
  t 'hardening is at most 1.5' score
  echo "systemd-analyze security: $(m 'systemd-analyze security --no-pager oibus | tail -n1 | sed "s/^[^O]*//"')"
  t 'the watchdog of systemd is fed' m 'test "$(systemctl show -P WatchdogUSec oibus)" = 1min && test "$(systemctl show -P StatusText oibus | cut -c1-5)" = OIBus'
  t 'status says that it is well' m 'oibus-installer status'
  t 'doctor finds no problem' m 'oibus-installer doctor'
  t 'it registers with OIAnalytics' register ''
  t 'a killed agent comes back' m "before=\$($pid_of_agent); kill -9 \$before; sleep 0.2; $serves; test \"\$before\" != \"\$($pid_of_agent)\""
  t 'a killed launcher comes back' m "before=\$(systemctl show -P MainPID oibus); test \$before != 0; kill -9 \$before; sleep 0.2; for i in \$(seq 100); do systemctl is-active -q oibus && break; sleep 0.1; done; $serves; test \$(systemctl show -P MainPID oibus) != \$before"
  t 'the machine restarts' $here/machine.sh reboot "$machine"
  t 'it serves after a restart of the machine' m "$serves; systemctl is-active -q oibus"
  t 'it is still registered' m 'oibus-installer status | grep "registered with http://127.0.0.1:4500"'
  echo "memory of the installed service, registered: $(m "sleep 3; $pss") kB"
  t 'a change of the settings counts after a restart' m "printf '\n[general]\nname = \"Line 4\"\n[oianalytics]\ncommand_refresh_interval = 2\n[launcher]\ntrial_window = \"3s\"\n' >>/etc/oibus/oibus.toml; oibus-installer restart; $api; api $url/api/engine | grep >/dev/null -c 'Line 4'"
  t 'a wrong setting is named by doctor' m 'cp -p /etc/oibus/oibus.toml /root/good.toml; trap "cp -p /root/good.toml /etc/oibus/oibus.toml" EXIT; echo "stop_limit = 1" >>/etc/oibus/oibus.toml; out=$(oibus-installer doctor) && exit 1; grep -q "oibus.toml:.*stop_limit" <<<"$out"'
  t 'reset-password makes a new one' m "old=\$(cat /var/lib/oibus/secrets/first-password.txt); oibus-installer reset-password >/dev/null; $serves; test \"\$old\" != \"\$(cat /var/lib/oibus/secrets/first-password.txt)\"; $api; api $url/api/users/current-user"
  t 'reset-password sets a chosen one, from the standard input' m "printf 'correct horse' | oibus-installer reset-password --password-file - && curl -sf -u 'admin:correct horse' $url/api/users/current-user && test ! -e /var/lib/oibus/secrets/first-password.txt"
  t 'and the old registration shows with it' m "printf 'correct horse' | oibus-installer register --password-file - | grep 'Registered with'"
}

checks_of_upgrades() { # INSTALL-COMMAND-FOR-VERSION: prints how the package is installed
  t 'an upgrade by the package restarts it once' m "since=\$(date +%s.%N); sleep 0.01; $(install_command 3.9.1); $serves
    test \$(journalctl -u oibus --since=@\$since -o cat | grep -c '^Started oibus') = 1"
  t 'the new version runs' version 3.9.1
  t 'settings, password and registration are kept' m "grep -q 'Line 4' /etc/oibus/oibus.toml; curl -sf -u 'admin:correct horse' $url/api/engine | grep >/dev/null -c 'Line 4'; oibus-installer status | grep >/dev/null -c 'registered with'"
  t 'a remote upgrade on top comes by a command, is tried and kept' m "$simulate; $(declare -f update_version); update_version $sim /work/oibus-linux_x64-v3.10.0.zip 3.10.0 $upgrade_limit 3.9.1"
  t 'the newer of the two releases runs, both are told' m "out=\$(oibus-installer status); echo \"\$out\"; grep -q 'runs *3.10.0, brought by an upgrade' <<<\"\$out\"; grep -q 'factory *3.9.1' <<<\"\$out\"; $serves"
  t 'it survives a restart of the machine' $here/machine.sh reboot "$machine"
  t 'still the newer one runs' version 3.10.0
  t 'rollback goes back to the release of the package' m "timeout $upgrade_limit oibus-installer rollback --reason test; oibus-installer status | grep >/dev/null -c 'runs *3.9.1, the factory release'"
  t 'export saves a configuration, import brings it back' m "oibus-installer export /root/a.zip; oibus-installer import /root/a.zip; $serves; oibus-installer status | grep >/dev/null -c 'registered with'"
}

checks_of_instances() {
  t 'a named instance has its own folders, port and service' m "oibus-installer install --instance line5 --json | tee /dev/stderr | grep -c '\"page\": \"http://127.0.0.1:2224\"'; systemctl is-active -q oibus-line5 oibus"
  t 'both serve' m "$serves; curl -sf http://127.0.0.1:2224/api/status"
  t 'a port or folder of another one is refused' m '! oibus-installer install --instance line6 --port 2223 && ! oibus-installer install --instance line6 --port 2224 && ! oibus-installer install --instance line6 --config /var/lib/oibus/line6 && ! systemctl cat oibus-line6 2>/dev/null'
  t 'one is upgraded by a file that is dropped, the other not' m "printf '[launcher]\ntrial_window = \"3s\"\n' >>/etc/oibus/instances/line5.toml; oibus-installer restart --instance line5
    mkdir -p /var/lib/oibus-instances/line5/update; cp /work/oibus-linux_x64-v3.10.0.zip /var/lib/oibus-instances/line5/update/; chown -R oibus: /var/lib/oibus-instances/line5/update
    for i in \$(seq $((5 * upgrade_limit))); do oibus-installer status --instance line5 --json | tr -d '\n ' | grep >/dev/null -c '\"outcome\":\"committed\"' && break; sleep 0.2; done; oibus-installer status | tee /dev/stderr | grep -c 'runs *3.10.0, brought'; oibus-installer status | grep >/dev/null -c 'runs *3.9.1, the factory'"
  t 'both survive a restart of the machine' $here/machine.sh reboot "$machine"
  t 'both serve again' m "$serves; ${serves/2223/2224}"
  t 'a package that is newer than the upgrade takes over from it, in each instance' m "$(install_command 3.11.0); $serves; ${serves/2223/2224}
    for i in \$(seq $((5 * serve_limit))); do test \$(oibus-installer status | grep -c 'runs *3.11.0, the factory release') = 2 && break; sleep 0.2; done; oibus-installer status | tee /dev/stderr | grep -c 'runs *3.11.0, the factory release' | grep >/dev/null -cx 2"
  t 'uninstall keeps data, install brings it back' m "oibus-installer uninstall --instance line5; test -d /var/lib/oibus-instances/line5/state; oibus-installer install --instance line5 >/dev/null; ${serves/2223/2224}"
  t 'uninstall --remove-data leaves nothing' m 'oibus-installer uninstall --instance line5 --remove-data; test ! -e /var/lib/oibus-instances -a ! -e /etc/oibus/instances -a ! -e /etc/oibus/instances.json -a ! -e /etc/systemd/system/oibus-line5.service'
}

checks_of_folders() {
  t 'doctor names the folder that a connector is kept away from' m "$(writer /srv/exchange); out=\$(oibus-installer doctor) && exit 1; echo \"\$out\"; grep -q 'problem.*\"Exchange /srv/exchange\" cannot write into /srv/exchange' <<<\"\$out\""
  t 'the lines that it gives open that folder, and no other' m "$(opened /srv/exchange); nsenter -t \$($pid_of_agent) -m test ! -w /srv"
  t 'those for a folder in a home open that one, and no other' m "mkdir -p /home/anna/other; chmod 700 /home/anna; $(writer /home/anna/exchange); $(opened /home/anna/exchange); nsenter -t \$($pid_of_agent) -m test ! -e /home/anna/other"
}

checks_beside_old() { # INSTALL UPGRADE REMOVE
  t 'beside a service of OIBus 3.8 of its name it is installed, leaves that one alone, and says so' m "$(old_service); said=\$($1 2>&1 </dev/null); $(old_is_as_before); grep 'another service is called oibus' <<<\"\$said\""
  t 'a newer package leaves it alone, too' m "$2 >/dev/null 2>&1 </dev/null; $(old_is_as_before)"
  t 'its verbs leave it alone, too, and status and doctor say whose it is' m "for verb in start stop restart install register; do out=\$(oibus-installer \$verb 2>&1) && exit 1; grep -q 'that of another program, /bin/sleep' <<<\"\$out\"; done; out=\$(oibus-installer status) && exit 1; grep -q 'oibus: that of another program, /bin/sleep' <<<\"\$out\"; out=\$(oibus-installer doctor) && exit 1; grep -q '^problem *service .*another program' <<<\"\$out\"; $(old_is_as_before)"
  t 'and removing the package, too' m "$3 >/dev/null 2>&1 </dev/null; $(old_is_as_before)"
  $here/machine.sh reboot "$machine" || true
  t 'the service of OIBus 3.8 starts with the machine as before' m 'systemctl is-active -q oibus && systemctl is-active -q oibus-plant && systemctl show -P Nice oibus | grep >/dev/null -cx 5'
  m 'systemctl disable -q --now oibus oibus-plant; rm -rf /etc/systemd/system/oibus*; systemctl daemon-reload' || true
}

checks_after_a_switch() { # INSTALL REMOVE
  t 'removing it after a switch from OIBus 3.8 says how to go back' m "$(old_service); $1 >/dev/null 2>&1 </dev/null; $(switched); said=\$($2 2>&1 </dev/null); echo \"\$said\"; grep -q 'oibus-installer install --switch-back' <<<\"\$said\"; test -e /etc/oibus/switch.json -a -e /etc/systemd/system/oibus.service.replaced-by-oibus"
}
leave_old='systemctl disable -q --now oibus oibus-plant 2>/dev/null || :; rm -rf /etc/systemd/system/oibus* /var/lib/oibus /etc/oibus; systemctl daemon-reload'

checks_of_an_archive() {
  t 'from download to registered, tar.gz' journey 'any Linux (tar.gz)' 'tar xzf /work/oibus-linux_x64-v3.9.0.tar.gz -C /root' '/root/oibus-linux_x64-v3.9.0/oibus-installer install' "/opt/oibus/oibus-installer register --host $sim --wait 40s"
  t 'its programs can be typed, and its service is known to nobody else' m 'test "$(readlink -f "$(command -v oibus-installer)")" = /opt/oibus/oibus-installer; oibus-installer status | grep "in /opt/oibus"'
  m '/opt/oibus/oibus-installer uninstall --remove-data >/dev/null; rm -rf /root/oibus-linux_x64-v3.9.0' || true
  t 'an archive is installed without the package' m "mkdir /root/a; tar xzf /work/oibus-linux_x64-v3.9.0.tar.gz -C /root/a --strip-components=1; cd /root/a; printf secret-of-mine | ./oibus-installer install --admin-password-file -; rm -rf /root/a; curl -sf -u admin:secret-of-mine $url/api/engine"
  t 'it runs from /opt/oibus, and status knows it' m '/opt/oibus/oibus-installer status | grep "in /opt/oibus"'
  t 'a package that comes and goes leaves it alone' m "before=\$(systemctl show -P MainPID oibus); $(install_command 3.9.0); dpkg -P oibus >/dev/null </dev/null; test \$before = \$(systemctl show -P MainPID oibus); systemctl is-enabled -q oibus; getent passwd oibus; curl -sf -u admin:secret-of-mine $url/api/engine"
  t 'an archive of a newer version takes its place' m 'mkdir /root/b; tar xzf /work/oibus-linux_x64-v3.9.1.tar.gz -C /root/b --strip-components=1; /root/b/oibus-installer install >/dev/null; /opt/oibus/oibus-installer status | grep "runs *3.9.1"'
  t 'it is removed without a trace' m '/opt/oibus/oibus-installer uninstall --remove-data; test ! -e /opt/oibus -a ! -L /usr/local/bin/oibus-installer -a ! -e /var/lib/oibus -a ! -e /etc/oibus -a ! -e /etc/systemd/system/oibus.service; userdel oibus'
}

nothing_left='left=$(find /etc /var/lib /usr /opt /run /var/log -xdev -iname "*oibus*" -not -path "/var/lib/dpkg/*" -not -path "/var/lib/rpm/*" -not -path "/var/lib/systemd/deb-systemd*"); test -z "$left" || { echo "$left"; exit 1; }; ! getent passwd oibus'
quiet='failed=$(systemctl --failed --no-legend); test -z "$failed" || { echo "$failed"; exit 1; }'

life() {
  install_command() { echo "dpkg -i --force-confold /work/oibus_$1-1_amd64.deb >/dev/null 2>&1 </dev/null"; }
  boot
  [[ -n ${OIBUS_NO_LINT:-} ]] || t 'lintian finds nothing but what is explained' bash -c "lintian --fail-on error,warning --allow-root $work/oibus_3.9.0-1_amd64.deb"
  t 'dpkg -i installs it without a question' m "$(install_command 3.9.0)"
  checks_of_a_life
  echo "installed $(m 'dpkg-query -Wf "\${Installed-Size}" oibus') kB, package $(stat -c %s "$work/oibus_3.9.0-1_amd64.deb") bytes"
  checks_of_upgrades
  checks_of_folders
  checks_of_instances
  t 'man pages are there' m "zcat /usr/share/man/man8/oibus-installer.8.gz | grep >/dev/null -c 'SS \"rollback\"'; zcat /usr/share/man/man8/oibus.8.gz | grep >/dev/null -c HARDENING; zcat /usr/share/man/man8/oibus-launcher.8.gz /usr/share/man/man5/oibus.toml.5.gz | grep >/dev/null -c 'SH DESCRIPTION'"
  t 'bash completes its words, and zsh and fish have what they need for it' m "grep -q '#compdef oibus-installer' /usr/share/zsh/vendor-completions/_oibus-installer; grep -q 'complete -c oibus-installer' /usr/share/fish/vendor_completions.d/oibus-installer.fish; source /usr/share/bash-completion/completions/oibus-installer; COMP_WORDS=(oibus-installer res); COMP_CWORD=1; _oibus_installer; test \"\${COMPREPLY[*]}\" = 'restart reset-password'"
  t 'an archive does not take the service of the package' m "mkdir /root/c; tar xzf /work/oibus-linux_x64-v3.9.1.tar.gz -C /root/c --strip-components=1; before=\$(systemctl show -P MainPID oibus); out=\$(/root/c/oibus-installer install 2>&1) && exit 1; rm -rf /root/c; grep -q 'that of a package of the system, with the programs in /usr/lib/oibus' <<<\"\$out\"; test ! -e /opt/oibus -a ! -e /etc/systemd/system/oibus.service; test \$before = \$(systemctl show -P MainPID oibus)"
  t 'what another program has on its port is not taken for it' m "systemctl stop oibus; systemd-run --quiet --unit=other --collect /work/oibus-cloudsim --listen 127.0.0.1:2223 --state /root/other.json --quiet; for i in \$(seq 100); do curl -s -o /dev/null $url/ && break; sleep 0.1; done; rc=0; oibus-installer status >/root/said || rc=\$?; systemctl stop other; systemctl start oibus; cat /root/said; test \$rc = 5"
  t 'a port that another program has is refused at once, and nothing is left of it' m "systemd-run --quiet --unit=other --collect /work/oibus-cloudsim --listen 127.0.0.1:2290 --state /root/other.json --quiet; for i in \$(seq 100); do curl -s -o /dev/null http://127.0.0.1:2290/ && break; sleep 0.1; done; rc=0; oibus-installer install --instance line8 --port 2290 >/root/said 2>&1 || rc=\$?; systemctl stop other; cat /root/said; test \$rc = 1; grep -q 'port 2290' /root/said; ! systemctl cat oibus-line8 2>/dev/null; ! grep -qs line8 /etc/oibus/instances.json"
  t 'removing it keeps the data' m 'oibus-installer install --instance line7 >/dev/null; dpkg -r oibus >/dev/null; test -z "$(pgrep -u oibus)"; test -e /var/lib/oibus/state/engine.json -a -e /etc/oibus/oibus.toml'
  t 'a named instance whose programs are gone is not started again and again' m 'systemctl start oibus-line7; test "$(systemctl show -P ActiveState oibus-line7)" = inactive'
  t 'installing it again brings all back' m "$(install_command 3.11.0); $serves; oibus-installer status | grep >/dev/null -c 'registered with'"
  t 'purging it leaves nothing' m "dpkg -P oibus >/dev/null </dev/null; $nothing_left"
  t 'no unit has failed' m "$quiet"
  off
}

# What needs a machine that has never seen OIBus.
fresh() {
  install_command() { echo "dpkg -i --force-confold /work/oibus_$1-1_amd64.deb >/dev/null 2>&1 </dev/null"; }
  boot
  t 'from download to registered, deb' journey 'Debian, Ubuntu (deb)' 'apt-get install /work/oibus_3.9.0-1_amd64.deb' "oibus-installer register --host $sim --wait 40s"
  m 'dpkg -P oibus >/dev/null </dev/null' || true
  checks_of_an_archive
  t 'what is provisioned by file counts' m "mkdir -p /var/lib/oibus; echo '{\"engineName\":\"Line 9\",\"adminUsername\":\"chief\",\"adminPassword\":\"a b c d e\",\"port\":2299}' >/var/lib/oibus/oibus.init.json; $(install_command 3.9.0); ${serves/2223/2299}; curl -sf -u 'chief:a b c d e' http://127.0.0.1:2299/api/engine | grep >/dev/null -c 'Line 9'; test ! -e /var/lib/oibus/oibus.init.json; dpkg -P oibus >/dev/null"
  checks_beside_old 'dpkg -i --force-confold /work/oibus_3.9.0-1_amd64.deb' 'dpkg -i --force-confold /work/oibus_3.9.1-1_amd64.deb' 'dpkg -P oibus'
  checks_after_a_switch 'dpkg -i --force-confold /work/oibus_3.9.0-1_amd64.deb' 'dpkg -r oibus'
  t 'purging it then puts the unit of OIBus 3.8 back, which starts with the machine again' m 'dpkg -P oibus </dev/null; cat /etc/systemd/system/oibus.service /etc/systemd/system/oibus.service.d/own.conf | diff /root/old-unit -; systemctl is-enabled -q oibus; test -z "$(find -L /etc/systemd -type l -name "*oibus*")"; test -z "$(find /etc/systemd/system -name "*.replaced-by-oibus" -o -name "*.of-oibus" -o -name connectors.conf)"; test ! -e /etc/oibus -a ! -e /var/lib/oibus; systemctl start oibus'
  m "$leave_old" || true
  t 'no unit has failed' m "$quiet"
  off
}

# Both at once, for they wait most of the time; one after the other where many are tried.
debian() {
  if [[ -n ${OIBUS_ONE_BY_ONE:-} ]]; then life; fresh; return; fi
  "$0" fresh >"$work/fresh.log" 2>&1 & beside=$!
  life
  wait "$beside" || grep >/dev/null -c '^FAILED ' "$work/fresh.log" || { failed=$((failed + 1)); echo 'FAILED  the second machine ends before its checks do'; }
  beside=
  grep -v '^== ' "$work/fresh.log" || true
  passed=$((passed + $(grep -c '^ok ' "$work/fresh.log" || true))) failed=$((failed + $(grep -c '^FAILED ' "$work/fresh.log" || true)))
}

redhat() {
  install_command() { echo "rpm -U --nodeps --force-debian /work/oibus-$1-1.x86_64.rpm >/dev/null"; }
  boot
  [[ -n ${OIBUS_NO_LINT:-} ]] || t 'rpmlint finds nothing but what is explained' rpmlint -c packaging/linux/rpm/rpmlint.toml "$work/oibus-3.9.0-1.x86_64.rpm"
  t 'what it needs of a distribution is what there is' m 'rpm -U --force-debian /work/rpmdistro-stub.rpm; rpm -U --test --force-debian /work/oibus-3.9.0-1.x86_64.rpm'
  t 'rpm -i installs it' m "$(install_command 3.9.0)"
  t 'rpm -V finds all as it was packed' m 'rpm -V --nodeps oibus'
  checks_of_a_life
  checks_of_upgrades
  t 'man pages and completion are there' m 'zcat /usr/share/man/man8/oibus-installer.8.gz | grep >/dev/null -c "SH VERBS"; test -s /usr/share/man/man8/oibus.8.gz -a -s /usr/share/man/man8/oibus-launcher.8.gz -a -s /usr/share/man/man5/oibus.toml.5.gz -a -s /usr/share/bash-completion/completions/oibus-installer -a -s /usr/share/zsh/site-functions/_oibus-installer -a -s /usr/share/fish/vendor_completions.d/oibus-installer.fish'
  t 'a package that is newer takes over' m "$(install_command 3.11.0); $serves"
  t 'and runs' version 3.11.0
  t 'erasing it keeps the data' m 'rpm -e --force-debian oibus; test -z "$(pgrep -u oibus)"; test -e /var/lib/oibus/state/engine.json; test -e /etc/oibus/oibus.toml.rpmsave; test ! -e /usr/lib/oibus'
  t 'installing it again takes its settings back' m "$(install_command 3.11.0); $serves; grep -q 'Line 4' /etc/oibus/oibus.toml; test ! -e /etc/oibus/oibus.toml.rpmsave; oibus-installer status | grep >/dev/null -c 'registered with'"
  m 'rpm -e --force-debian oibus; rm -rf /var/lib/oibus /etc/oibus'
  t 'from download to registered, rpm' journey 'RHEL, Fedora, SUSE (rpm)' 'rpm -i --nodeps --force-debian /work/oibus-3.9.0-1.x86_64.rpm' "oibus-installer register --host $sim --wait 40s"
  m 'rpm -e --force-debian oibus; rm -rf /var/lib/oibus /etc/oibus' || true
  checks_beside_old 'rpm -i --nodeps --force-debian /work/oibus-3.9.0-1.x86_64.rpm' 'rpm -U --nodeps --force-debian /work/oibus-3.9.1-1.x86_64.rpm' 'rpm -e --force-debian oibus'
  checks_after_a_switch 'rpm -i --nodeps --force-debian /work/oibus-3.9.0-1.x86_64.rpm' 'rpm -e --force-debian oibus'
  m "$leave_old" || true
  t 'no unit has failed' m "$quiet"
  off
}

case $only in
  '') debian; redhat ;;
  *) "$only" ;;
esac
summary "packages on systemd"
