#!/usr/bin/env bash
# switch.sh: a site moves from an OIBus 3.8 to this one and back, on a booted systemd: from an archive and with the deb, with
# a service of the same name and of another one, when OIAnalytics does not answer, and when the installer is killed at each
# of its steps. A program (standin) stands for the OIBus 3.8, run by a unit as its setup script writes one, on a copy of a
# data folder of it. See all.sh for what it needs; without that folder (../shared/reference-data) it is skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
here=testing/packages
# shellcheck source=testing/packages/checks.sh
source $here/checks.sh
# shellcheck source=testing/packages/switch_parts.sh
source $here/switch_parts.sh
reference=../shared/reference-data/data
[[ -d $reference ]] || { echo "skipped: $reference is missing"; exit 0; }

work=${OIBUS_PACKAGES_WORK:?} # holds the packages
export DIR=$work/machines ROOT=${OIBUS_PACKAGES_ROOT:?}
machine=switch$$
check_limit=${OIBUS_CHECK_LIMIT:-180} serve_limit=${OIBUS_SERVE_LIMIT:-30}
m() { $here/machine.sh run "$machine" timeout -k 1 "$check_limit" bash -euo pipefail -c "$*"; }
on_failure() { $here/machine.sh run "$machine" journalctl -b --no-pager -n 30 -o cat; }
boot() {
  $here/machine.sh start "$machine" --private-network --bind-ro="$work:/work" --bind-ro="$(readlink -f $reference):/reference"
  trap '$here/machine.sh stop "$machine"' EXIT
  trap 'exit 1' INT TERM
}
off() { $here/machine.sh stop "$machine"; trap - EXIT; }

[[ -x $work/oibus-cloudsim ]] || GOBIN=$work go install ./testing/cloudsim/cmd/oibus-cloudsim
CGO_ENABLED=0 go build -trimpath -o "$work/standin" ./$here/standin

sim=http://127.0.0.1:4500
simulate="systemctl is-active -q cloudsim || systemd-run --quiet --unit=cloudsim --collect /work/oibus-cloudsim --listen 127.0.0.1:4500 --state /root/cloudsim.json --quiet
  curl -sf --retry 50 --retry-delay 0 --retry-all-errors --retry-max-time 20 -o /dev/null $sim/control"
# The data folder is where nobody but root looks: that of an OIBus 3.8 that root has installed at home.
data=/root/OIBusData port=2299

old_is() { echo "out=\$(curl -sf --max-time 2 --retry 60 --retry-delay 0 --retry-all-errors --retry-max-time $serve_limit http://127.0.0.1:$port/); grep -q 'OIBus 3.8 of $data' <<<\"\$out\"; systemctl is-enabled -q $1"; }
ours_is="for i in \$(seq $((5 * serve_limit))); do curl -sf --max-time 2 -o /dev/null http://127.0.0.1:$port/api/status && break; sleep 0.2; done; ! curl -sf --max-time 2 http://127.0.0.1:$port/ | grep >/dev/null -c 'OIBus 3.8'; curl -sf -o /dev/null http://127.0.0.1:$port/api/status; pgrep -u oibus -x oibus >/dev/null; ! pgrep -f '^/opt/OIBus/oibus-launcher'"
sums() { echo "find $data -type f -not -path '*/logs/*' -exec sha256sum {} + | sort"; }
untouched="find $data -type f -not -path '*/logs/*' -exec sha256sum {} + | sort | diff - /root/sums"

switching() { # INSTALLER UNIT WORDS
  local tool=$1 unit=$2
  shift 2
  t "$* a dry run says what would come over, and touches nothing" m "$tool import --from $data --dry-run --json | tee /dev/stderr | grep -c '\"registered\": true' >/dev/null; $untouched; $(old_is "$unit")"
  t "$* the site is switched with one command" m "$tool install --switch-from $data 2>&1 | tee /root/said; grep -q 'OIAnalytics at $sim has answered it' /root/said; grep -q 'secrets, sealed anew *7' /root/said"
  t "$* ours serves on the port of the other, which does not run" m "$ours_is"
  t "$* all that came over belongs to the service" m 'test -z "$(find /var/lib/oibus \( -not -user oibus -o -perm /077 -type f \) | grep -v "/logs/\|launcher" | head)" || { find /var/lib/oibus \( -not -user oibus -o -perm /077 -type f \) | head; exit 1; }; test -e /var/lib/oibus/state/souths && test -e /var/lib/oibus/certs/private.pem'
  t "$* OIAnalytics knows it as the same one, with its configuration" m "for i in \$(seq 100); do curl -sf $sim/control/agents/ksRPPSSO8mpQzYyk/configuration/full-config >/root/config && break; sleep 0.2; done; grep -q 'Line 4' /root/config && grep -q 'u4\|southConnectors' /root/config; curl -sf $sim/control/agents | grep -o ksRPPSSO8mpQzYyk | wc -l | grep >/dev/null -cx 1"
  t "$* the data of the other is as it was" m "$untouched"
  t "$* users and passwords are those of before" m "curl -sf -u operator:\$(sed -n 's/.*\"user operator\": *\"\\(.*\\)\",*/\\1/p' /work/expected.json) http://127.0.0.1:$port/api/users/current-user | grep >/dev/null -c operator"
  t "$* the machine restarts" $here/machine.sh reboot "$machine"
  m "$simulate"
  t "$* ours serves after a restart, and the other stays away" m "$ours_is"
  t "$* the same command says that it is done" m "$tool install --switch-from $data | grep >/dev/null -c 'was switched already'"
  t "$* the doctor names the folder that the service is kept away from" m "out=\$($tool doctor 2>&1) && exit 1; grep -q 'North \"Files\" cannot write into /srv/site/files/out' <<<\"\$out\"; ! grep '^problem' <<<\"\$out\" | grep -qv connectors"
  t "$* with its lines the doctor finds no problem" m "mkdir -p /etc/systemd/system/oibus.service.d; { $tool doctor --json || true; } | sed -n '/\"dropIn\": \[/,/^ *\],*\$/s/^ *\"\([^\"]*\)\",*\$/\1/p' >/etc/systemd/system/oibus.service.d/connectors.conf; cat /etc/systemd/system/oibus.service.d/connectors.conf; systemctl daemon-reload; $tool restart; $ours_is; $tool doctor"
  t "$* and back with one command" m "$tool install --switch-back | tee /dev/stderr | grep -c 'OIBus 3.8.8 runs again' >/dev/null"
  t "$* the other serves again, ours does not run" m "$(old_is "$unit"); ! pgrep -u oibus -x oibus"
  t "$* ours keeps its data" m 'test -e /var/lib/oibus/state/souths'
  t "$* the unit of the other is as it was" m "diff /root/unit /etc/systemd/system/$unit.service; diff <(echo '[Service]
Nice=5
ExecStop=/bin/sleep 0.5') /etc/systemd/system/$unit.service.d/own.conf; test $unit != oibus -o ! -e /etc/systemd/system/oibus.service.d/connectors.conf; test -z \"\$(find /etc/systemd/system -name '*replaced-by*')\""
  t "$* the machine restarts again" $here/machine.sh reboot "$machine"
  m "$simulate"
  t "$* the other serves after a restart, and ours stays away" m "$(old_is "$unit"); ! pgrep -u oibus -x oibus"
  t "$* there is no way back twice" m "! $tool install --switch-back"
  t "$* a second switch asks before it replaces what ours has" m "out=\$($tool install --switch-from $data 2>&1) && exit 1; grep -q -- '--replace' <<<\"\$out\"; $(old_is "$unit")"
}

breaking() { # INSTALLER UNIT WORDS
  local tool=$1 unit=$2 p
  shift 2
  local fresh='rm -rf /var/lib/oibus'
  t "$* without OIAnalytics it goes back by itself, and says why" m "$fresh; systemctl stop cloudsim; out=\$($tool install --switch-from $data --wait 5s 2>&1) && exit 1; echo \"\$out\"; grep -q 'OIAnalytics at $sim has not answered' <<<\"\$out\"; grep -q 'runs again' <<<\"\$out\"; $(old_is "$unit"); ! pgrep -u oibus -x oibus; test ! -e /var/lib/oibus; test ! -e /etc/oibus/switch.json; $untouched"
  m "$simulate"
  t "$* a full disk is seen before anything is stopped" m "$fresh; mkdir -p /var/lib/oibus; mount -t tmpfs -o size=8m tmpfs /var/lib/oibus; pid=\$(systemctl show -P MainPID $unit); rc=0; $tool install --switch-from $data >/root/said 2>&1 || rc=\$?; umount /var/lib/oibus; cat /root/said; test \$rc = 1; grep -q 'has room for' /root/said; test \$pid = \$(systemctl show -P MainPID $unit); rm -rf /var/lib/oibus"
  for p in stopping importing turning trial; do
    t "$* killed while $p, the same command goes on" m "$fresh; $(kill_at "$tool" $p); $tool install --switch-from $data | grep >/dev/null -c 'Switched\|was switched already'; $ours_is; $untouched; $tool install --switch-back >/dev/null; $(old_is "$unit")"
    t "$* killed while $p, going back makes all as it was" m "$fresh; $(kill_at "$tool" $p); $tool install --switch-back; $(old_is "$unit"); ! pgrep -u oibus -x oibus; test ! -e /etc/oibus/switch.json; $untouched"
  done
  for p in stopping importing trial; do
    m "$fresh; $(kill_at "$tool" $p)" || true
    t "$* killed while $p, the machine restarts" $here/machine.sh reboot "$machine"
    m "$simulate"
    t "$* one of the two runs then, and the same command goes on" m "for i in \$(seq 100); do curl -s -o /dev/null http://127.0.0.1:$port/ && break; sleep 0.2; done; curl -s -o /dev/null http://127.0.0.1:$port/; $tool install --switch-from $data | grep >/dev/null -c 'Switched\|was switched already'; $ours_is; $untouched; $tool install --switch-back >/dev/null; $(old_is "$unit")"
  done
  for p in importing turning trial; do
    t "$* the connection is lost while $p, and it goes on to its end" m "$fresh; setsid $tool install --switch-from $data >/root/said 2>&1 & person=\$!; $(await_phase "$p\\|done"); kill -HUP -- -\$person 2>/dev/null || echo 'it was past that'; wait \$person; $ours_is; $untouched; $tool install --switch-back >/dev/null; $(old_is "$unit")"
  done
  t "$* nobody reads what it prints, and it goes on to its end" m "$fresh; { $tool install --switch-from $data 2>&1 || true; } | head -n 1; for i in \$(seq 300); do grep -q '\"phase\": \"done\"' /etc/oibus/switch.json && break; sleep 0.2; done; $ours_is; $untouched; $tool install --switch-back >/dev/null; $(old_is "$unit")"
  t "$* Ctrl-C undoes it, a second one does not disturb that" m "$fresh; setsid $tool install --switch-from $data >/root/said 2>&1 & person=\$!; $(await_phase trial); kill -INT -- -\$person; sleep 0.3; kill -INT -- -\$person 2>/dev/null || true; wait \$person && exit 1; cat /root/said; grep -q 'cannot switch: interrupted' /root/said; $(old_is "$unit"); test ! -e /var/lib/oibus; $untouched"
  t "$* a port that another program has is seen before anything is stopped" m "$fresh; cp -a /etc/oibus/oibus.toml /root/toml 2>/dev/null || true; pid=\$(systemctl show -P MainPID $unit); rc=0; $tool install --switch-from $data --port 4500 >/root/said 2>&1 || rc=\$?; cat /root/said; test \$rc = 1; grep -q 'cannot use port 4500 (given with --port)' /root/said; test \$pid = \$(systemctl show -P MainPID $unit); test ! -e /root/toml || cmp /root/toml /etc/oibus/oibus.toml; rm -f /root/toml"
  t "$* into its own folder it is refused" m "pid=\$(systemctl show -P MainPID $unit); for to in $data $data/new; do rc=0; $tool install --switch-from $data --config \$to >/root/said 2>&1 || rc=\$?; cat /root/said; test \$rc = 2; grep -q 'nor lie in each other' /root/said; done; test \$pid = \$(systemctl show -P MainPID $unit); $untouched; diff /root/unit /etc/systemd/system/$unit.service"
  t "$* killed while it undoes, the same command goes on with that" m "$fresh; systemctl stop cloudsim; $tool install --switch-from $data --wait 1s >/dev/null 2>&1 & person=\$!; $(await_phase undoing); kill -9 \$person; wait \$person || true; test ! -e /etc/oibus/switch.json || ! $tool install --switch-from $data --wait 1s; $(old_is "$unit"); test ! -e /etc/oibus/switch.json"
  m "$simulate"
  t "$* killed while it goes back, the same command goes on" m "$fresh; $tool install --switch-from $data >/dev/null 2>&1; $tool install --switch-back >/dev/null 2>&1 & person=\$!; $(await_phase going-back); kill -9 \$person; wait \$person || true; test ! -e /etc/oibus/switch.json || $tool install --switch-back; $(old_is "$unit"); ! pgrep -u oibus -x oibus"
}

boot
cp ../shared/reference-data/expected.json "$work/expected.json"
t 'a site of OIBus 3.8 runs' m "$simulate; $(old_service oibus); $(old_is oibus)"
t 'the setting up of an archive does not take its service' m "mkdir /root/a; tar xzf /work/oibus-linux_x64-v3.9.0.tar.gz -C /root/a --strip-components=1; out=\$(/root/a/oibus-installer install 2>&1) && exit 1; grep -q -- '--switch-from' <<<\"\$out\"; diff /root/unit /etc/systemd/system/oibus.service; test ! -e /opt/oibus"
switching /root/a/oibus-installer oibus 'archive, same name:'
breaking /root/a/oibus-installer oibus 'archive, same name:'
m "rm -rf /var/lib/oibus /etc/oibus /opt/oibus; systemctl disable --now -q oibus; rm -rf /etc/systemd/system/oibus.service*; systemctl daemon-reload; $(old_service oibus-plant); $(old_is oibus-plant)"
switching /root/a/oibus-installer oibus-plant 'archive, other name:'
m "rm -rf /var/lib/oibus /etc/oibus /opt/oibus; systemctl disable --now -q oibus-plant; rm -rf /etc/systemd/system/oibus-plant.service*; systemctl daemon-reload; $(old_service oibus); $(old_is oibus)"
t 'the deb is installed beside a service of its name, and leaves it' m "dpkg -i --force-confold /work/oibus_3.9.0-1_amd64.deb >/dev/null 2>&1 </dev/null; $(old_is oibus)"
switching oibus-installer oibus 'deb, same name:'
breaking oibus-installer oibus 'deb, same name:'
m "rm -rf /var/lib/oibus; systemctl disable --now -q oibus; rm -rf /etc/systemd/system/oibus.service*; systemctl daemon-reload; systemctl enable -q --now oibus; $(old_service oibus-plant); $(old_is oibus-plant)"
t 'the service of the deb runs beside the other, with nothing configured' m "systemctl is-active -q oibus; test -e /var/lib/oibus/state/engine.json"
t 'deb, other name: the site takes the place of what was not configured' m "oibus-installer install --switch-from $data >/dev/null; $ours_is; ls /var/lib/oibus/before-import-*/state/engine.json"
t 'deb, other name: and back' m "oibus-installer install --switch-back >/dev/null; $(old_is oibus-plant); ! systemctl is-enabled -q oibus; ! pgrep -u oibus -x oibus"
t 'an OIBus that runs is not imported by hand' m "out=\$(oibus-installer import --from $data 2>&1) && exit 1; grep -q 'which runs' <<<\"\$out\""
t 'one that does not run is, with --replace, for the service that runs' m "systemctl disable -q --now oibus-plant; oibus-installer start >/dev/null; oibus-installer import --from $data --replace | tee /dev/stderr | grep -c 'runs again' >/dev/null; $ours_is; test -z \"\$(find /var/lib/oibus/state -not -user oibus)\""
t 'no unit has failed' m 'failed=$(systemctl --failed --no-legend); test -z "$failed" || { echo "$failed"; exit 1; }'
off
summary 'switch on systemd'
