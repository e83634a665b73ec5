# Sourced by switch.sh: snippets for inside of the machine.

# old_service NAME: an OIBus 3.8 as its setup script installs one: a unit that says where the data is in a file of
# variables, as root; with a drop-in that somebody has made. It runs.
old_service() {
  cat <<SH
mkdir -p /opt/OIBus /etc/systemd/system/$1.service.d
cp /work/standin /opt/OIBus/oibus-launcher
test -e $data || /work/standin prepare /reference $data $sim $port
find $data -type f -not -path '*/logs/*' -exec sha256sum {} + | sort >/root/sums
printf 'ARG1=--config\nARG2=%s' $data >/opt/OIBus/oibus-env
printf '[Unit]\nDescription=OIBus Client\nAfter=network-online.target\n\n[Service]\nWorkingDirectory=/opt/OIBus\nEnvironmentFile=/opt/OIBus/oibus-env\nExecStart=/opt/OIBus/oibus-launcher \$ARG1 \$ARG2\nRestart=always\nRestartSec=5s\n\n[Install]\nWantedBy=default.target' >/etc/systemd/system/$1.service
printf '[Service]\nNice=5\nExecStop=/bin/sleep 0.5\n' >/etc/systemd/system/$1.service.d/own.conf
cp /etc/systemd/system/$1.service /root/unit
systemctl daemon-reload
systemctl enable -q --now $1
SH
}

# await_phase PHASE: until the record says so, or that all is done, or is gone after it was there.
await_phase() {
  cat <<SH
seen=''; for i in \$(seq 6000); do if text=\$(cat /etc/oibus/switch.json 2>/dev/null); then seen=1; [[ \$text == *'"phase": "$1"'* || \$text == *'"phase": "done"'* ]] && break; elif test -n "\$seen"; then break; fi; sleep 0.01; done
SH
}

# kill_at INSTALLER PHASE: a switch that is killed, with what it has started, as soon as it is there.
kill_at() {
  cat <<SH
setsid $1 install --switch-from $data >/root/said 2>&1 & person=\$!; $(await_phase "$2"); kill -9 -- -\$person || echo 'it has ended'; wait \$person 2>/dev/null || true; grep -q '"phase": "$2"' /etc/oibus/switch.json || { echo "it was past $2:"; cat /etc/oibus/switch.json; }
SH
}
