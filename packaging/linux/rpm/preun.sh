if [ $1 -eq 0 ]; then
  # It cannot ask: who removes it reads that nothing takes its place.
  for record in /etc/oibus/switch.json /etc/oibus/switch-*.json; do
    [ -e "$record" ] || continue
    old=$(sed -n 's/^ *"name": "\(..*\)",*$/\1/p' "$record" | head -n1)
    echo "OIBus: this site was switched from OIBus 3.8, whose service $old does not run: nothing collects data now."
    echo 'OIBus: to go back to it, install this package again, or unpack an archive, and run "oibus-installer install --switch-back".'
  done
fi
if [ $1 -eq 0 ] && [ -d /run/systemd/system ]; then
  # The service that a site went back to has the same name: it is not of this package.
  if systemctl show -p ExecStart oibus.service 2>/dev/null | grep -q /usr/lib/oibus/oibus-launcher; then systemctl disable --now oibus.service >/dev/null 2>&1 || :; fi
  for unit in /etc/systemd/system/oibus-*.service; do
    if grep -qs '^ExecStart=/usr/lib/oibus/oibus-launcher ' "$unit"; then systemctl stop "${unit##*/}" >/dev/null 2>&1 || :; fi
  done
fi
