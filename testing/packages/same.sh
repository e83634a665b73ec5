#!/usr/bin/env bash
# same.sh: shows that packaging/windows/same.sh sees what differs between both sources of the MSI: each line changes one
# of them in one place.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
rc=0 count=0
differs() { # FILE SED-SCRIPT
  cp packaging/windows/{product.wxs,oibus.wxs,build.sh} "$copy/"
  sed -E -i "$2" "$copy/$1"
  count=$((count + 1))
  ! cmp -s "packaging/windows/$1" "$copy/$1" || { echo "nothing in $1 is changed by: $2"; rc=1; }
  ! packaging/windows/same.sh "$copy" >/dev/null || { echo "still equal, with $1 changed by: $2"; rc=1; }
}
cp packaging/windows/{product.wxs,oibus.wxs,build.sh} "$copy/"
packaging/windows/same.sh "$copy"

w=oibus.wxs
differs $w 's/(Action="Apply" Sequence="5840" Condition=")NOT REMOVE/\1REMOVE/'
differs $w 's/(Id="ADMINPASSWORD" Secure="yes") Hidden="yes"/\1/'
differs $w 's/(Id="DATADIR") Secure="yes"/\1/'
differs $w 's/SeChangeNotifyPrivilege/SeDebugPrivilege/'
differs $w 's/<RequiredPrivilege [^>]*>//'
differs $w '0,/Failure Action="restartService"/s//Failure Action="none"/'
differs $w 's/Delay="30000"/Delay="1"/'
differs $w 's/ResetPeriod="86400"/ResetPeriod="1"/'
differs $w 's/failedToStopOrReturnedError/failedToStop/'
differs $w 's/ServiceSid="unrestricted"/ServiceSid="none"/'
differs $w 's/Condition="Installed OR NOT OTHERSERVICE OR INSTANCE"/Condition="1"/'
differs $w 's/Installed OR \(VersionNT64 &gt;= 603\)/Installed OR (VersionNT64 \&gt;= 600)/'
differs $w 's/ Schedule="afterInstallInitialize"//'
differs $w 's/afterInstallInitialize/afterInstallFinalize/'
differs $w 's/(Environment .*)System="yes"/\1System="no"/'
differs $w 's/Part="last"/Part="first"/'
differs $w 's/Permanent="no"/Permanent="yes"/'
differs $w 's/Section="InternetShortcut"/Section="Other"/'
differs $w 's/On="uninstall"/On="both"/'
differs $w 's/Account="NT SERVICE[^"]*"/Account="LocalSystem"/'
differs $w 's/Stop="both"/Stop="uninstall"/'
differs $w 's/HideTarget="yes"/HideTarget="no"/'
differs $w 's/(Id="OTHERSERVICE".*Name=")Application/\1Other/'
differs $w 's/(Id="ARPNOMODIFY" Value=")1/\10/'
differs $w 's/Scope="perMachine"/Scope="perUser"/'
differs $w 's/<ComponentRef Id="StartMenu" \/>//'
differs $w 's/Sequence="5840"/Sequence="6000"/'
differs product.wxs 's/>NOT REMOVE</>REMOVE</'
differs product.wxs 's/>Installed OR NOT OTHERSERVICE OR INSTANCE</>1</'
differs product.wxs 's/Value="ADMINPASSWORD"/Value="OTHER"/'
differs build.sh "s/',1,6,'SeChange/',1,6,'SeDebug/"
differs build.sh 's/1\[~\]1\[~\]1/0[~]1[~]1/'
differs build.sh 's/ADMINPASSWORD;ADMINPASSWORDFILE/ADMINPASSWORDFILE/'
differs build.sh 's/=1510 WHERE/=6700 WHERE/'
differs build.sh "s/=-\*PATH/=-PATH/"
differs build.sh "s/'InternetShortcut'/'Other'/"
differs build.sh "s/'ProgramMenuFolder',2\)/'ProgramMenuFolder',1)/"
echo "$count differences are seen"
exit $rc
