if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || :
  if [ $1 -eq 1 ]; then
    systemctl enable --now oibus.service >/dev/null 2>&1 || :
    # The named instances were stopped when an earlier package was removed.
    for unit in /etc/systemd/system/oibus-*.service; do
      if grep -qs '^ExecStart=/usr/lib/oibus/oibus-launcher ' "$unit" && systemctl --quiet is-enabled "${unit##*/}" 2>/dev/null; then systemctl start "${unit##*/}" || :; fi
    done
  fi
fi
