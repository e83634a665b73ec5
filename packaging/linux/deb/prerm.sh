#!/bin/sh
# Stops the services before their programs go. An upgrade needs no stop: the programs are replaced as a whole.
set -e
# The service that a site went back to has the same name: it is not of this package.
ours() { systemctl --system show -p ExecStart oibus.service 2>/dev/null | grep -q /usr/lib/oibus/oibus-launcher; }
if [ "$1" = remove ]; then
  # It cannot ask: who removes it reads that nothing takes its place.
  for record in /etc/oibus/switch.json /etc/oibus/switch-*.json; do
    [ -e "$record" ] || continue
    old=$(sed -n 's/^ *"name": "\(..*\)",*$/\1/p' "$record" | head -n1)
    echo "OIBus: this site was switched from OIBus 3.8, whose service $old does not run: nothing collects data now." >&2
    echo 'OIBus: to go back to it, install this package again, or unpack an archive, and run "oibus-installer install --switch-back".' >&2
  done
fi
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  if ours; then deb-systemd-invoke stop oibus.service >/dev/null || true; fi
  # Also the named instances that use them; an archive in /opt keeps running.
  for unit in /etc/systemd/system/oibus-*.service; do
    if grep -qs '^ExecStart=/usr/lib/oibus/oibus-launcher ' "$unit"; then systemctl --system stop "${unit##*/}" >/dev/null || true; fi
  done
fi
