if [ $1 -eq 0 ] && [ -d /run/systemd/system ]; then
  systemctl disable --now oibus.service >/dev/null 2>&1 || :
  for unit in /etc/systemd/system/oibus-*.service; do
    if grep -qs '^ExecStart=/usr/lib/oibus/oibus-launcher ' "$unit"; then systemctl stop "${unit##*/}" >/dev/null 2>&1 || :; fi
  done
fi
