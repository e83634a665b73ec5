package conformance

import (
	"slices"

	"oibus/platform"
)

// Deliberate is a deviation from a recording that is meant. In each dialect named it must show in exactly these fields,
// with exactly these values.
type Deliberate struct {
	Dialects string // of the agent: N, R or NR
	Scenario string
	Reason   string
	Fields   []Difference
}

// Texts and requests that several rows have.
const (
	notBase64   = `"cannot decrypt a secret: it is not base64 text, as a secret encrypted for this OIBus is"`
	oaepError   = `"error:02000079:rsa routines::oaep decoding error"`
	putConfig   = `"PUT /api/oianalytics/oibus/configuration 200"`
	getAsset    = `"GET /api/oianalytics/oibus/upgrade/asset 200"`
	putHistory  = `"PUT /api/oianalytics/oibus/configuration/history-query 200"`
	nameDone    = `"Engine name updated successfully"`
	settingDone = `"Engine settings updated successfully"`
	completed   = `"RETRIEVED COMPLETED"`
	errored     = `"RETRIEVED ERRORED"`
)

// Reasons that several rows have.
const (
	ownWordsForCipher = "the words are ours: the reference shows those of OpenSSL"
	ownWordsForForm   = "the form says what is missing: the reference shows a fault of its program (W-38)"
	noPoison          = "a command that cannot be taken is answered and holds up none after it; the reference stores nothing and retries for ever (W-11, W-12)"
	oneReport         = "what one poll fetched is reported in one request; the reference sends one for each command (W-21)"
)

// differences is the one table of all deliberate differences. W-nn is the list of the reference's weaknesses
// (protocol/control-plane.md, section 14), Q-nn that of its open questions (section 13).
var differences = slices.Concat(generalDifferences, connectorDifferences, transformerDifferences)

// generalDifferences are those of all but the connectors and transformers.
var generalDifferences = []Deliberate{
	{"N", "update-engine-logger-bad-secret", ownWordsForCipher, []Difference{
		{"outcome.cmd-013-update-engine-logger.result", oaepError, notBase64},
	}},
	{"R", "update-engine-settings-bad-secret", ownWordsForCipher, []Difference{
		{"outcome.cmd-016-update-engine-settings.result", oaepError, notBase64},
	}},
	{"R", "update-engine-settings-dialect-N", ownWordsForForm, []Difference{
		{"outcome.cmd-006-update-engine-settings.result", `"Cannot read properties of undefined (reading 'loki')"`, `"\"logParameters\" is required"`},
	}},
	{"R", "update-engine-settings-missing-oia", ownWordsForForm, []Difference{
		{"outcome.cmd-019-update-engine-settings.result", `"Cannot read properties of undefined (reading 'level')"`, `"\"logParameters.oia\" is required"`},
	}},
	{"R", "update-engine-settings-missing-loki", ownWordsForForm, []Difference{
		{"outcome.cmd-020-update-engine-settings.result", `"Cannot read properties of undefined (reading 'password')"`, `"\"logParameters.loki\" is required"`},
	}},
	{"NR", "update-registration-settings-no-permissions", "without permissions they stay as they are (section 5.2); the reference shows a fault of its program", []Difference{
		{"outcome.cmd-017-update-registration-settings.result", `"Cannot read properties of undefined (reading 'updateVersion')"`, `"Registration settings updated successfully"`},
		{"outcome.cmd-017-update-registration-settings.states", errored, completed},
		{"reports.cmd-017-update-registration-settings[1].completedDate", "null", `"‹instant›"`},
		{"sent[0]", absent, putConfig},
		{"sent[1]", absent, putHistory},
	}},
	{"N", "logs", "an idle agent posts no empty batches (W-47), and only the web server logs as the web server", []Difference{
		{"empty batches", "true", "false"},
		{`entries.groupId=null groupName=null itemId=null itemName=null level="a level" message="a text" scopeId="web-server" scopeName=null scopeType="INTERNAL" timestamp="an instant"`, "true", absent},
	}},
	{"R", "logs", "an idle agent posts no empty batches (W-47), and only the web server logs as the web server", []Difference{
		{"empty batches", "true", "false"},
		{`entries.level="a level" message="a text" scopeId=null scopeName=null scopeType="WEB_SERVER" timestamp="an instant"`, "true", absent},
	}},
	{"N", "permission-denied-all-types", oneReport + "; refused commands are reported at once and in their order (W-16)", []Difference{
		{"ended", `"47 newest first"`, `"47 as handed out"`},
		{"retrieved", `"47 newest first in 47 requests"`, `"47 newest first"`},
	}},
	{"R", "permission-denied-all-types", oneReport + "; refused commands are reported at once and in their order (W-16)", []Difference{
		{"ended", `"43 newest first"`, `"43 as handed out"`},
		{"retrieved", `"43 newest first in 43 requests"`, `"43 newest first"`},
	}},
	{"NR", "status-500-three-times", "what the cloud confirmed is not reported again: the two ways of acknowledging are one (section 3.6)", []Difference{
		{"repeated.cmd-2263-update-engine-general", "1", absent},
	}},
	{"NR", "batch-of-four", oneReport + " and repeats some; a change while a configuration is sent makes another one (W-43)", []Difference{
		{"repeated.cmd-2269-create-scan-mode", "3", absent},
		{"repeated.cmd-2270-create-scan-mode", "2", absent},
		{"repeated.cmd-2271-create-scan-mode", "1", absent},
		{"requests[0].body.scanModes.B1", absent, batchScanMode("B1")},
		{"requests[0].body.scanModes.B2", absent, batchScanMode("B2")},
		{"requests[0].body.scanModes.B3", absent, batchScanMode("B3")},
		{"retrieved", `"4 newest first in 4 requests"`, `"4 newest first"`},
	}},
	duplicateAgain("N", nameDone),
	duplicateAgain("R", settingDone),
	unknownType("N", nameDone),
	unknownType("R", settingDone),
	{"R", "unknown-command-type-dialect-N", "commands of both dialects are executed whatever is announced (section 12, Q-01); the reference does not know the type, and takes none after it (W-12)", []Difference{
		{"ended", `"0"`, `"2 as handed out"`},
		{"outcome.cmd-2260-update-engine-general.result", "null", nameDone},
		{"outcome.cmd-2260-update-engine-general.states", `""`, completed},
		{"outcome.cmd-after-N.result", "null", settingDone},
		{"outcome.cmd-after-N.states", `""`, completed},
		{"retrieved", `"0"`, `"2 newest first"`},
		{"sent[0]", absent, putConfig},
	}},
	{"NR", "target-version-3.9.0-after-false-update", "the version is compared with what was announced: no update was reported that did not happen (W-55), and no restart of the loggers hangs (W-79)", []Difference{
		{"ended", `"0"`, `"1"`},
		{"outcome.cmd-3007-update-engine-general.result", "null", `"Wrong target version: 3.9.0 for OIBus version 3.8.8"`},
		{"outcome.cmd-3007-update-engine-general.states", `"RETRIEVED RUNNING"`, errored},
	}},
	{"NR", "bug-logger-reset-hang", "no restart of the loggers hangs (W-79)", []Difference{
		{"completed", "13", "14"},
	}},
	{"NR", "update-version", "it is the launcher that says its version", []Difference{
		{"outcome.cmd-3005-update-version.result", updatedWith("3.5.0"), updatedWith(platform.Version)},
	}},
	{"N", "update-version-launcher-missing-in-zip", "the release is refused before anything is renamed, in words of ours: the reference shows those of its runtime", []Difference{
		{"outcome.cmd-3004-update-version.result", `"ENOENT: no such file or directory, rename '/srv/oibus/update/oibus-launcher' -> '/srv/oibus/oibus-launcher'"`,
			`"OIBus has not been updated: the release is refused: entry \"oibus-launcher\" is missing: a package for linux has it"`},
	}},
	{"N", "update-version-launcher", "launcher and agent are updated; the reference only signals its parent, and downloads the release again and again (W-63)", []Difference{
		{"ended", `"0"`, `"1"`},
		{"outcome.cmd-3010-update-version.result", "null", updatedWith(recordedVersion)},
		{"outcome.cmd-3010-update-version.states", `"RETRIEVED RUNNING"`, completed},
		{"reports.cmd-3010-update-version[1].completedDate", "null", `"‹instant›"`},
		{"sent[1]", getAsset, absent},
		{"sent[2]", getAsset, absent},
		{"sent[3]", getAsset, absent},
		{"sent[4]", getAsset, absent},
		{"sent[5]", getAsset, absent},
	}},
	{"NR", "registration", "a field value has no trailing space (RFC 9110, 5.5): Go does not send it", []Difference{
		{"requests[0].headers.authorization", `"Bearer "`, `"Bearer"`},
	}},
	{"NR", "registration-variants", "an expired request is given up and shown as such; the reference asks for ever (W-04, Q-05)", []Difference{
		{"re-register, check answers EXPIRED twice.registration.activationCode", `"‹code›"`, `""`},
		{"re-register, check answers EXPIRED twice.registration.activationExpirationDate", `"‹instant›"`, `""`},
		{"re-register, check answers EXPIRED twice.registration.checkUrl", `"/api/oianalytics/oibus/registration/check?id=‹registration›"`, `""`},
		{"re-register, check answers EXPIRED twice.registration.status", `"PENDING"`, `"NOT_REGISTERED"`},
		{"re-register, check answers EXPIRED twice.requests.check[1]", clipped(`{"answer":200,"body":null,"headers":{"content-type":"application/json","user-agent":"OIBus/3.8.8 (https://oibus.optimistik.com/)"},"method":"GET","path":"/api/oianalytics/oibus/registration/check","query":"id=‹registration›"}`), absent},
	}},
	{"NR", "registration-variants", "the registration that works stays in use until the new one is approved (W-05)", []Difference{
		{"register again while REGISTERED.polls go on", "false", "true"},
	}},
	{"N", "create-history-query-unknown-north-type", ownWordsForForm, []Difference{
		{"outcome.cmd-1025-create-history-query.result", `"Cannot read properties of undefined (reading 'settings')"`,
			`"\"northType\" must be one of [console, oianalytics, azure-blob, aws-s3, file-writer, sftp, rest, opcua, modbus, mqtt], \"nope\" is not known to this OIBus"`},
	}},
	{"N", "update-history-query-invalid", "the submitted settings are checked; the reference checks those that are stored (W-30)", []Difference{
		{"outcome.cmd-1035-update-history-query.result", `"History query updated successfully"`, clipped(`"\"host\" is required. \"acceptUnauthorized\" is required. ` +
			`\"method\" is required. \"endpoint\" is required. \"timeout\" is required. \"sendAs\" is required. \"successCode\" is required. ` +
			`\"authentication\" is required. \"proxy\" is required. \"queryParams\" is required. \"headers\" is required. \"test\" is required. \"zzz\" is not allowed"`)},
		{"outcome.cmd-1035-update-history-query.states", completed, errored},
		{"reports.cmd-1035-update-history-query[1].completedDate", `"‹instant›"`, "null"},
		{"sent[0]", putHistory, absent},
	}},
	{"N", "create-or-update-history-query-south-items-from-csv-bad-rows", "the text says which setting of which item is no JSON, in words of ours", []Difference{
		{"outcome.cmd-1048-create-or-update-history-query-south-items-from-csv.result", `"Unexpected token 'o', \"notjson\" is not valid JSON"`,
			`"Settings \"dateTimeFields\" of item \"c3\": cannot read JSON: invalid character 'o' in literal null (expecting 'u')"`},
	}},
}

// updatedWith is the result of an upgrade to the recorded version with a version of the launcher.
func updatedWith(launcher string) string {
	return `"OIBus updated to version ` + recordedVersion + `, launcher updated to version ` + launcher + `"`
}

// batchScanMode is a scan mode of batch-of-four in a configuration.
func batchScanMode(name string) string {
	return clipped(`{"oIBusCreatedAt":"‹second›","oIBusCreatedBy":"oianalytics","oIBusInternalId":"‹scanModes ` + name +
		`›","oIBusUpdatedAt":"‹second›","oIBusUpdatedBy":"oianalytics","settings":{"cron":"0 * * * * *","description":"","name":"` + name + `"}}`)
}

func duplicateAgain(dialect, done string) Deliberate {
	return Deliberate{dialect, "duplicate-command-id-2", noPoison + ". A known command is reported as it ended, not executed again", []Difference{
		{"ended", `"0"`, `"2 as handed out"`},
		{"outcome.cmd-after-dup.result", "null", done},
		{"outcome.cmd-after-dup.states", `""`, completed},
		{"outcome.cmd-dup.result", "null", done},
		{"outcome.cmd-dup.states", `""`, `"COMPLETED"`},
		{"retrieved", `"0"`, `"1"`},
		{"sent[0]", absent, putConfig},
	}}
}

func unknownType(dialect, done string) Deliberate {
	return Deliberate{dialect, "unknown-command-type", noPoison, []Difference{
		{"ended", `"0"`, `"2 as handed out"`},
		{"outcome.cmd-2268-make-coffee.result", "null", `"Unknown command type \"make-coffee\": OIBus 3.8.8 cannot execute it"`},
		{"outcome.cmd-2268-make-coffee.states", `""`, errored},
		{"outcome.cmd-after-unknown.result", "null", done},
		{"outcome.cmd-after-unknown.states", `""`, completed},
		{"retrieved", `"0"`, `"2 newest first"`},
		{"sent[0]", absent, putConfig},
	}}
}
