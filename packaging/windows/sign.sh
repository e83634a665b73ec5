#!/usr/bin/env bash
# sign.sh FILE...: signs Windows programs and packages in place, when OIBUS_SIGN_CERTIFICATE and OIBUS_SIGN_KEY name the PEM
# files of a certificate for code and its key; OIBUS_SIGN_PASSWORD_FILE holds the password of the key, and
# OIBUS_SIGN_TIMESTAMP is the URL of a time stamp server, without which a signature ends with its certificate.
# Without a certificate it does nothing.
set -euo pipefail
[[ -n ${OIBUS_SIGN_CERTIFICATE:-} ]] || exit 0
: "${OIBUS_SIGN_KEY:?OIBUS_SIGN_CERTIFICATE is given without OIBUS_SIGN_KEY}"
command -v osslsigncode >/dev/null || { echo 'sign.sh: osslsigncode is missing' >&2; exit 1; }
for file; do
  signed=$file.signed
  rm -f "$signed"
  osslsigncode sign -certs "$OIBUS_SIGN_CERTIFICATE" -key "$OIBUS_SIGN_KEY" ${OIBUS_SIGN_PASSWORD_FILE:+-readpass "$OIBUS_SIGN_PASSWORD_FILE"} \
    -n OIBus -i https://oibus.optimistik.com -h sha256 ${SOURCE_DATE_EPOCH:+-time "$SOURCE_DATE_EPOCH"} \
    ${OIBUS_SIGN_TIMESTAMP:+-ts "$OIBUS_SIGN_TIMESTAMP"} -in "$file" -out "$signed" >/dev/null
  mv "$signed" "$file"
done
