#!/bin/sh
# Stops the services before their programs go. An upgrade needs no stop: the programs are replaced as a whole.
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  deb-systemd-invoke stop oibus.service >/dev/null || true
  # Also the named instances that use them; an archive in /opt keeps running.
  for unit in /etc/systemd/system/oibus-*.service; do
    if grep -qs '^ExecStart=/usr/lib/oibus/oibus-launcher ' "$unit"; then systemctl --system stop "${unit##*/}" >/dev/null || true; fi
  done
fi
