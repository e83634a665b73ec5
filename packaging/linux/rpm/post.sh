# Where an earlier package was erased, its settings were put aside: they count again in place of those that were packed.
# Had there been others, those that were packed would lie beside them as .rpmnew.
settings=/etc/oibus/oibus.toml
if [ $1 -eq 1 ] && [ -f $settings.rpmsave ] && [ ! -e $settings.rpmnew ]; then mv -f $settings.rpmsave $settings || :; fi
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || :
  if [ $1 -eq 1 ]; then
    # A service of OIBus 3.8 has the same name: it goes on until the site is switched.
    if systemctl show -p ExecStart oibus.service 2>/dev/null | grep -q /usr/lib/oibus/oibus-launcher; then
      systemctl enable --now oibus.service >/dev/null 2>&1 || :
    else
      echo 'OIBus: another service is called oibus: "oibus-installer install --help" says how a site is switched from OIBus 3.8.'
    fi
    # The named instances were stopped when an earlier package was removed.
    for unit in /etc/systemd/system/oibus-*.service; do
      if grep -qs '^ExecStart=/usr/lib/oibus/oibus-launcher ' "$unit" && systemctl --quiet is-enabled "${unit##*/}" 2>/dev/null; then systemctl start "${unit##*/}" || :; fi
    done
  fi
fi
