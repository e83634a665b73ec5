#!/usr/bin/env bash
# build.sh VERSION PROGRAMS OUT: makes the MSI of the Windows programs in the folder PROGRAMS into the folder OUT, with
# wixl and msitools: wixl, then SQL for what it cannot say, then checks of the tables. SOURCE_DATE_EPOCH is the time of
# everything; with a certificate (sign.sh) it is signed.
set -euo pipefail
version=$1 programs=$2 out=$3
here=packaging/windows
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
msi=$out/oibus-win_x64-v$version.msi

# guid TEXT is the same for the same text.
guid() { sha256sum <<<"oibus msi $1" | tr a-f A-F | sed -E 's/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/\1-\2-5\3-A\4-\5/'; }

mkdir -p "$stage/bin" "$stage/doc" "$out"
cp "$programs"/oibus.exe "$programs"/oibus-launcher.exe "$programs"/oibus-installer.exe "$stage/bin/"
cp LICENSE oibus.toml.example "$stage/doc/"
cp "${OIBUS_RELEASE:-dist/release}/oibus-win_x64-v$version.cdx.json" "$stage/doc/oibus-sbom.json"
find "$stage" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
# An MSI compares three numbers: what follows them tells a version before a release from it by its product code only.
numbers=$(sed -E 's/^([0-9]+\.[0-9]+\.[0-9]+).*/\1/' <<<"$version")
inputs=$(cat "$stage"/bin/* "$stage"/doc/* $here/product.wxs | sha256sum)

export TZ=UTC
rm -f "$msi"
cp $here/product.wxs "$stage/"
(cd "$stage" && wixl -a x64 -D VERSION="$numbers" -D PRODUCTCODE="$(guid "$version")" \
  -D BIN=bin -D DOC=doc -o oibus.msi product.wxs 2> >(grep -v '^$' >&2))
mv "$stage/oibus.msi" "$msi"
q() { msibuild "$msi" -q "$1"; }

# Vital: an installation without the service has failed.
q "UPDATE \`ServiceInstall\` SET \`ErrorControl\`=32769"
# A text in which the name of the Windows folder is filled in when it is read.
q "UPDATE \`Registry\` SET \`Value\`='#%%SystemRoot%\\System32\\EventCreate.exe' WHERE \`Name\`='EventMessageFile'"
q "UPDATE \`Property\` SET \`Value\`='WIX_DOWNGRADE_DETECTED;WIX_UPGRADE_DETECTED;INSTALLDIR;DATADIR;PORT;HOST;REGISTER;INSTANCE;ADMINPASSWORD;ADMINPASSWORDFILE;REMOVEDATA;OLDINSTALLDIR;OLDDATADIR;OLDPORT;OLDHOST;OLDREGISTER;OLDINSTANCE;OTHERSERVICE' WHERE \`Property\`='SecureCustomProperties'"
# The old version goes within the transaction: what fails later brings it back.
q "UPDATE \`InstallExecuteSequence\` SET \`Sequence\`=1510 WHERE \`Action\`='RemoveExistingProducts'"
# The log does not show the command line of Apply: HideTarget 8192, with deferred 1024, not impersonated 2048, a program 18.
q "UPDATE \`CustomAction\` SET \`Type\`=11282 WHERE \`Action\`='Apply'"

# When the service fails it is started again, after 2, 5 and then 30 seconds, also when it ends by itself with an error;
# its account has an identity that folders can be given to, and no privilege but to pass through folders.
q "CREATE TABLE \`MsiServiceConfigFailureActions\` (\`MsiServiceConfigFailureActions\` CHAR(72) NOT NULL, \`Name\` CHAR(255) NOT NULL LOCALIZABLE, \`Event\` INT NOT NULL, \`ResetPeriod\` LONG, \`RebootMessage\` CHAR(255) LOCALIZABLE, \`Command\` CHAR(255) LOCALIZABLE, \`Actions\` CHAR(0), \`DelayActions\` CHAR(0), \`Component_\` CHAR(72) NOT NULL PRIMARY KEY \`MsiServiceConfigFailureActions\`)"
q "INSERT INTO \`MsiServiceConfigFailureActions\` (\`MsiServiceConfigFailureActions\`,\`Name\`,\`Event\`,\`ResetPeriod\`,\`Actions\`,\`DelayActions\`,\`Component_\`) VALUES ('Recovery','OIBus[SUFFIX]',1,86400,'1[~]1[~]1','2000[~]5000[~]30000','Launcher')"
q "CREATE TABLE \`MsiServiceConfig\` (\`MsiServiceConfig\` CHAR(72) NOT NULL, \`Name\` CHAR(255) NOT NULL LOCALIZABLE, \`Event\` INT NOT NULL, \`ConfigType\` LONG NOT NULL, \`Argument\` CHAR(255) LOCALIZABLE, \`Component_\` CHAR(72) NOT NULL PRIMARY KEY \`MsiServiceConfig\`)"
q "INSERT INTO \`MsiServiceConfig\` (\`MsiServiceConfig\`,\`Name\`,\`Event\`,\`ConfigType\`,\`Argument\`,\`Component_\`) VALUES ('OnError','OIBus[SUFFIX]',1,4,'1','Launcher')"
q "INSERT INTO \`MsiServiceConfig\` (\`MsiServiceConfig\`,\`Name\`,\`Event\`,\`ConfigType\`,\`Argument\`,\`Component_\`) VALUES ('Identity','OIBus[SUFFIX]',1,5,'1','Launcher')"
q "INSERT INTO \`MsiServiceConfig\` (\`MsiServiceConfig\`,\`Name\`,\`Event\`,\`ConfigType\`,\`Argument\`,\`Component_\`) VALUES ('Privileges','OIBus[SUFFIX]',1,6,'SeChangeNotifyPrivilege','Launcher')"
q "INSERT INTO \`InstallExecuteSequence\` (\`Action\`,\`Condition\`,\`Sequence\`) VALUES ('MsiConfigureServices','VersionMsi>=\"5.00\"',5850)"

# oibus-installer is found in every terminal.
q "CREATE TABLE \`Environment\` (\`Environment\` CHAR(72) NOT NULL, \`Name\` CHAR(255) NOT NULL LOCALIZABLE, \`Value\` CHAR(255) LOCALIZABLE, \`Component_\` CHAR(72) NOT NULL PRIMARY KEY \`Environment\`)"
q "INSERT INTO \`Environment\` (\`Environment\`,\`Name\`,\`Value\`,\`Component_\`) VALUES ('Path','=-*PATH','[~];[INSTALLDIR]','Installer')"
q "INSERT INTO \`InstallExecuteSequence\` (\`Action\`,\`Sequence\`) VALUES ('RemoveEnvironmentStrings',3300)"
q "INSERT INTO \`InstallExecuteSequence\` (\`Action\`,\`Sequence\`) VALUES ('WriteEnvironmentStrings',5200)"

# The link to the page is a file of two lines, which Windows opens in the browser.
q "CREATE TABLE \`IniFile\` (\`IniFile\` CHAR(72) NOT NULL, \`FileName\` CHAR(255) NOT NULL LOCALIZABLE, \`DirProperty\` CHAR(72), \`Section\` CHAR(96) NOT NULL LOCALIZABLE, \`Key\` CHAR(128) NOT NULL LOCALIZABLE, \`Value\` CHAR(255) NOT NULL LOCALIZABLE, \`Action\` INT NOT NULL, \`Component_\` CHAR(72) NOT NULL PRIMARY KEY \`IniFile\`)"
q "INSERT INTO \`IniFile\` (\`IniFile\`,\`FileName\`,\`DirProperty\`,\`Section\`,\`Key\`,\`Value\`,\`Action\`,\`Component_\`) VALUES ('Link','OIBus.url','ProgramMenuFolder','InternetShortcut','URL','http://127.0.0.1:[PORT]/',0,'StartMenu')"
q "INSERT INTO \`RemoveFile\` (\`FileKey\`,\`Component_\`,\`FileName\`,\`DirProperty\`,\`InstallMode\`) VALUES ('Link','StartMenu','OIBus.url','ProgramMenuFolder',2)"
q "INSERT INTO \`InstallExecuteSequence\` (\`Action\`,\`Sequence\`) VALUES ('RemoveIniValues',3200)"
q "INSERT INTO \`InstallExecuteSequence\` (\`Action\`,\`Sequence\`) VALUES ('WriteIniValues',5100)"

# The same for the same content: the code of the package, and the time.
go run ./packaging/windows/stamp "$msi" "$(guid "$version $inputs")" "$SOURCE_DATE_EPOCH"

$here/check.sh "$msi" "$numbers"
$here/sign.sh "$msi"
