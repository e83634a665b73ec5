#!/usr/bin/env bash
# same.sh [FOLDER]: both sources of the MSI, for wixl with the SQL of build.sh and for WiX 5, say the same: the same
# components with the same codes, the same files, registry values, properties, services and what is configured of them,
# conditions, custom actions and places in the sequence. FOLDER holds product.wxs, build.sh and oibus.wxs.
set -euo pipefail
cd "${1:-$(dirname "$0")}"
# facts FILE prints what both must have in common, one a line, in the words of the tables.
facts() {
  tr '\n' ' ' <"$1" | sed 's/<!--[^>]*-->//g; s/<[A-Z]/\n&/g' | sed -E 's/ (Win64|KeyPath)="[^"]*"//g' | awk '
    function plain(text) { gsub(/&gt;/, ">", text); gsub(/&lt;/, "<", text); gsub(/&quot;/, "\"", text); gsub(/&amp;/, "\\&", text); return text }
    function attribute(name,  m) { return match($0, " " name "=\"[^\"]*\"") ? plain(substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 4)) : "" }
    function inner(  text) { text = $0; sub(/^[^>]*>/, "", text); sub(/<\/.*/, "", text); return plain(text) }
    function either(name,  text) { text = attribute(name); return text != "" ? text : inner() }
    function mapped(table, word,  n, i, pairs) {
      n = split(table, pairs, " ")
      for (i = 1; i <= n; i += 2) if (pairs[i] == word) return pairs[i + 1]
      return "unknown:" word
    }
    function each(kind, list,  n, i, names) { n = split(list, names, ";"); for (i = 1; i <= n; i++) if (names[i] !~ /^WIX_/) print kind, names[i] }
    /^<Component / { print "component", attribute("Id"), attribute("Guid") }
    /^<ComponentRef / { print "part", attribute("Id") }
    /^<Feature / { print "feature", attribute("Id"), attribute("Level") }
    /^<File / { print "file", attribute("Id"), attribute("Name") }
    /^<Directory .*Name=/ && !/SourceDir/ { print "folder", attribute("Id"), attribute("Name") }
    /^<CreateFolder/ { print "made" }
    /^<RegistryKey / { key = attribute("Key"); root = attribute("Root") }
    /^<RegistryValue / { k = attribute("Key"); r = attribute("Root"); print "value", (r != "" ? r : root), (k != "" ? k : key), attribute("Name"), attribute("Type"), attribute("Value") }
    /^<Property / {
      property = attribute("Id")
      if (property == "MsiHiddenProperties") each("hidden", attribute("Value"))
      else if (attribute("Value") != "") print "property", property, attribute("Value")
      if (attribute("Hidden") == "yes") print "hidden", property
      if (attribute("Secure") == "yes") print "secure", property
    }
    /^<RegistrySearch / { print "search", property, attribute("Root"), attribute("Key"), attribute("Name"), attribute("Type") }
    /^<ServiceInstall / {
      service = attribute("Name")
      print "service", service, attribute("DisplayName"), attribute("Description"), attribute("Type"), attribute("Account"), attribute("Start"), attribute("ErrorControl"), attribute("Vital"), attribute("Arguments")
    }
    /^<ServiceControl / { print "control", attribute("Name"), attribute("Start"), attribute("Stop"), attribute("Remove"), attribute("Wait") }
    /^<ServiceConfig / {
      event = mapped("yes 1", attribute("OnInstall"))
      print "config", service, event, 4, mapped("failedToStopOrReturnedError 1 failedToStop 0", attribute("FailureActionsWhen"))
      print "config", service, event, 5, mapped("unrestricted 1 restricted 3 none 0", attribute("ServiceSid"))
    }
    /^<RequiredPrivilege / { print "config", service, event, 6, attribute("Name") }
    /^<ServiceConfigFailureActions / { failures = 0; print "failure", service, mapped("yes 1", attribute("OnInstall")), "reset", attribute("ResetPeriod") }
    /^<Failure / { print "failure", service, ++failures, mapped("none 0 restartService 1 rebootComputer 2 runCommand 3", attribute("Action")), attribute("Delay") }
    /^<Environment / {
      value = attribute("Value")
      if (attribute("Part") == "last") value = "[~];" value; else if (attribute("Part") == "first") value = value ";[~]"
      print "environment", mapped("set = create + remove !", attribute("Action")) (attribute("Permanent") == "yes" ? "" : "-") (attribute("System") == "yes" ? "*" : "") attribute("Name"), value
    }
    /^<IniFile / { print "ini", attribute("Name"), attribute("Directory"), attribute("Section"), attribute("Key"), attribute("Value"), mapped("addLine 0 createLine 1 removeLine 2 addTag 3", attribute("Action")) }
    /^<RemoveFile / { print "removed", attribute("Name"), attribute("Directory"), mapped("install 1 uninstall 2 both 3", attribute("On")) }
    /^<CustomAction / { print "action", attribute("Id"), attribute("FileKey") attribute("FileRef"), attribute("Property"), attribute("Value"), attribute("ExeCommand"), attribute("Execute"), attribute("Impersonate"), attribute("Return"), attribute("HideTarget") }
    /^<Custom / { print "place", attribute("Action"), attribute("Sequence"), either("Condition") }
    /^<Condition Message=/ || /^<Launch / { print "launch", attribute("Message"), "if", either("Condition") }
    /UpgradeCode=/ { print "upgrade", attribute("UpgradeCode") }
    /^<Package / { print "package", attribute("InstallerVersion"), attribute("InstallScope") attribute("Scope") }
    /^<MajorUpgrade / {
      print "downgrade", attribute("DowngradeErrorMessage")
      if (attribute("Schedule") != "") print "replaced", mapped("afterInstallInitialize 1510 afterInstallValidate 1410 afterInstallExecute 6510 afterInstallFinalize 6610", attribute("Schedule"))
    }
  '
  [[ $1 != product.wxs ]] || sql build.sh
}
# sql FILE prints the same of what build.sh adds to the tables.
sql() {
  sed -n "s/^q \"//p" "$1" | sed 's/"$//; s/\\`/`/g; s/\\\\/\\/g' | awk -v quote="'" '
    function values(  text, n, i) { # into v
      text = $0
      sub(/.*VALUES \(/, "", text)
      sub(/\)$/, "", text)
      n = split(text, v, ",")
      for (i = 1; i <= n; i++) gsub(quote, "", v[i])
    }
    function each(kind, list,  n, i, names) { n = split(list, names, ";"); for (i = 1; i <= n; i++) if (names[i] !~ /^WIX_/) print kind, names[i] }
    /^UPDATE .Property. .*SecureCustomProperties/ { split($0, w, quote); each("secure", w[2]) }
    /^UPDATE .InstallExecuteSequence. .*RemoveExistingProducts/ { match($0, /=[0-9]+/); print "replaced", substr($0, RSTART + 1, RLENGTH - 1) }
    /^INSERT INTO .MsiServiceConfigFailureActions./ {
      values()
      print "failure", v[2], v[3], "reset", v[4]
      n = split(v[5], action, /\[~\]/)
      split(v[6], delay, /\[~\]/)
      for (i = 1; i <= n; i++) print "failure", v[2], i, action[i], delay[i]
    }
    /^INSERT INTO .MsiServiceConfig. / { values(); print "config", v[2], v[3], v[4], v[5] }
    /^INSERT INTO .Environment./ { values(); print "environment", v[2], v[3] }
    /^INSERT INTO .IniFile./ { values(); print "ini", v[2], v[3], v[4], v[5], v[6], v[7] }
    /^INSERT INTO .RemoveFile./ { values(); print "removed", v[3], v[4], v[5] }
  '
}
diff <(facts product.wxs | sort) <(facts oibus.wxs | sort)
