#!/bin/sh
# Stops the services before their programs go. An upgrade needs no stop: the programs are replaced as a whole.
set -e
# The service that a site went back to has the same name: it is not of this package.
ours() { systemctl --system show -p ExecStart oibus.service 2>/dev/null | grep -q /usr/lib/oibus/oibus-launcher; }
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  if ours; then deb-systemd-invoke stop oibus.service >/dev/null || true; fi
  # Also the named instances that use them; an archive in /opt keeps running.
  for unit in /etc/systemd/system/oibus-*.service; do
    if grep -qs '^ExecStart=/usr/lib/oibus/oibus-launcher ' "$unit"; then systemctl --system stop "${unit##*/}" >/dev/null || true; fi
  done
fi
