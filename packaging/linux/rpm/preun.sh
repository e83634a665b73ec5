if [ $1 -eq 0 ] && [ -d /run/systemd/system ]; then
  # The service that a site went back to has the same name: it is not of this package.
  if systemctl show -p ExecStart oibus.service 2>/dev/null | grep -q /usr/lib/oibus/oibus-launcher; then systemctl disable --now oibus.service >/dev/null 2>&1 || :; fi
  for unit in /etc/systemd/system/oibus-*.service; do
    if grep -qs '^ExecStart=/usr/lib/oibus/oibus-launcher ' "$unit"; then systemctl stop "${unit##*/}" >/dev/null 2>&1 || :; fi
  done
fi
