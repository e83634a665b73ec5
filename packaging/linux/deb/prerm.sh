#!/bin/sh
# Stops the services before their programs go. An upgrade needs no stop: the programs are replaced as a whole.
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  deb-systemd-invoke stop oibus.service >/dev/null || true
  systemctl --system stop 'oibus-*.service' >/dev/null 2>&1 || true
fi
