#!/usr/bin/env bash
# reproducible.sh: the same source gives the same bytes, also elsewhere and later: everything is made once more from a
# copy of the project in another folder and compared with what all.sh made.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
here=testing/packages
# shellcheck source=testing/packages/checks.sh
source $here/checks.sh
first=${OIBUS_PACKAGES_WORK:?}
copy=$first/elsewhere
mkdir -p "$copy/tree" "$copy/out"
if [[ -e .git ]]; then # the commit is written into the programs
  cp -r .git "$copy/tree/"
  git ls-files -z --cached --others --exclude-standard | tar c --null --ignore-failed-read -T - | tar x -C "$copy/tree"
else
  cp -r agent installer launcher packaging platform testing go.mod go.sum LICENSE oibus.toml.example "$copy/tree/"
fi
mkdir -p "$copy/tree/dist"
ln -s "$PWD/dist/tools" "$copy/tree/dist/tools"

again() {
  cd "$copy/tree"
  work=$copy/out
  # shellcheck source=testing/packages/make.sh
  source $here/make.sh
  TZ=Asia/Tokyo LC_ALL=C.UTF-8 linux_packages 3.9.0
}
same() {
  (cd "$first" && sha256sum "$@") >"$copy/sums"
  (cd "$copy/out" && sha256sum --check "$copy/sums")
}
msi() { # NUMBER
  mkdir -p "$copy/msi$1"
  cd "$copy/tree"
  local work=$copy/out v=3.9.0
  source $here/make.sh
  [[ -e $work/cross-$v/windows-amd64 ]] || { programs $v windows amd64; upgrade_packages $v windows-amd64; }
  touch "$work/cross-$v/windows-amd64/"*
  OIBUS_RELEASE=$work/release-$v packaging/windows/build.sh $v "$work/cross-$v/windows-amd64" "$copy/msi$1"
}
# The zip file for Windows and its bill, packed once more in another folder, time zone and order of files on disk.
zip() {
  local v=3.9.0 name=oibus-win_x64-v3.9.0
  mkdir -p "$copy/zip/cross-$v/windows-amd64"
  cp $(ls -r "$copy/out/cross-$v/windows-amd64/"*) "$copy/zip/cross-$v/windows-amd64/"
  cd "$copy/tree"
  local work=$copy/zip
  source $here/make.sh
  TZ=America/Lima upgrade_packages $v windows-amd64
  cmp "$copy/out/$name.zip" "$copy/zip/$name.zip"
  cmp "$copy/out/release-$v/$name.cdx.json" "$copy/zip/release-$v/$name.cdx.json"
}
t 'everything is made once more, in another folder and time zone' again
t 'deb, rpm, zip and tar.gz are the same to the byte' same oibus_3.9.0-1_amd64.deb oibus-3.9.0-1.x86_64.rpm oibus-linux_x64-v3.9.0.zip oibus-linux_x64-v3.9.0.tar.gz
t 'the bill of materials is the same' same release-3.9.0/oibus-linux_x64-v3.9.0.cdx.json
t 'the MSI is made' msi 1
t 'the zip file for Windows and its bill are the same to the byte' zip
sleep 1.1
t 'and again' msi 2
t 'it is the same to the byte' cmp "$copy/msi1/oibus-win_x64-v3.9.0.msi" "$copy/msi2/oibus-win_x64-v3.9.0.msi"
summary 'reproducible packages'
