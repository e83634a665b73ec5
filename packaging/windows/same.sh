#!/usr/bin/env bash
# same.sh: both sources of the MSI, for wixl and for WiX 5, say the same: the same components with the same codes, the same
# files, registry values, properties searched, custom actions and places in the sequence.
set -euo pipefail
cd "$(dirname "$0")"
# facts FILE prints what both must have in common, one a line.
facts() {
  tr '\n' ' ' <"$1" | sed 's/<!--[^>]*-->//g; s/<[A-Z]/\n&/g' | sed -E 's/ (Win64|KeyPath)="[^"]*"//g' | awk '
    function attribute(name,  m) { return match($0, " " name "=\"[^\"]*\"") ? substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 4) : "" }
    /^<Component / { print "component", attribute("Id"), attribute("Guid") }
    /^<File / { print "file", attribute("Id"), attribute("Name") }
    /^<Directory .*Name=/ && !/SourceDir/ { print "folder", attribute("Id"), attribute("Name") }
    /^<RegistryKey / { key = attribute("Key") }
    /^<RegistryValue / { k = attribute("Key"); print "value", (k != "" ? k : key), attribute("Name"), attribute("Type"), attribute("Value") }
    /^<RegistrySearch / { print "search", attribute("Key"), attribute("Name"), attribute("Type") }
    /^<ServiceInstall / { print "service", attribute("Name"), attribute("Account"), attribute("Start"), attribute("Vital"), attribute("Arguments") }
    /^<ServiceControl / { print "control", attribute("Name"), attribute("Start"), attribute("Stop"), attribute("Remove"), attribute("Wait") }
    /^<CustomAction / { print "action", attribute("Id"), attribute("Property"), attribute("Value"), attribute("ExeCommand"), attribute("Execute"), attribute("Impersonate"), attribute("Return"), attribute("HideTarget") }
    /^<Custom / { print "place", attribute("Action"), attribute("Sequence") }
    /UpgradeCode=/ { print "upgrade", attribute("UpgradeCode") }
    /^<MajorUpgrade / { print "downgrade", attribute("DowngradeErrorMessage") }
  ' | sort
}
diff <(facts product.wxs) <(facts oibus.wxs)
