#!/bin/sh
# Makes the user, then starts the service: once, also on an upgrade.
set -e
# A service of OIBus 3.8 has the same name: it is not of this package, and goes on until the site is switched.
ours() { systemctl --system show -p ExecStart oibus.service 2>/dev/null | grep -q /usr/lib/oibus/oibus-launcher; }
case "$1" in
configure | abort-upgrade | abort-remove | abort-deconfigure)
  systemd-sysusers /usr/lib/sysusers.d/oibus.conf
  if ! dpkg-statoverride --list /etc/oibus/oibus.toml >/dev/null 2>&1 && [ -e /etc/oibus/oibus.toml ]; then
    chown root:oibus /etc/oibus/oibus.toml
    chmod 0640 /etc/oibus/oibus.toml
  fi
  deb-systemd-helper unmask oibus.service >/dev/null || true
  if [ -f /etc/systemd/system/oibus.service ]; then
    : # what deb-systemd-helper enables it also disables again, and that would be the other service
  elif deb-systemd-helper --quiet was-enabled oibus.service; then
    deb-systemd-helper enable oibus.service >/dev/null || true
  else
    deb-systemd-helper update-state oibus.service >/dev/null || true
  fi
  if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload >/dev/null || true
    if ! ours; then
      echo 'OIBus: another service is called oibus: "oibus-installer install --help" says how a site is switched from OIBus 3.8.'
    elif [ -n "$2" ]; then
      deb-systemd-invoke restart oibus.service >/dev/null || true
    else
      deb-systemd-invoke start oibus.service >/dev/null || true
      echo 'OIBus: "sudo oibus-installer status" says where the page and its first password are, "sudo oibus-installer register --host URL" registers it.'
    fi
    # The named instances use the same programs, and were stopped when the package was removed.
    for unit in /etc/systemd/system/oibus-*.service; do
      if grep -qs '^ExecStart=/usr/lib/oibus/oibus-launcher ' "$unit" && systemctl --quiet is-enabled "${unit##*/}"; then
        systemctl --system restart "${unit##*/}" >/dev/null || true
      fi
    done
  fi
  ;;
esac
