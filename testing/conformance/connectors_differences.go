package conformance

import "fmt"

// Reasons that several rows about connectors have.
const (
	ownWordsForType = "the form says which types there are: the reference shows a fault of its program"
	bothDialects    = "settings of the other dialect are accepted and adapted (section 12, Q-01)"
	ownFolder       = "each test has a folder of its own, so that two at a time do not meet"
	tableNumbers    = "numbers of a table become numbers; the reference keeps them as texts (protocol/data-plane.md, 11.6.11)"
)

const (
	southTypesN = "folder-scanner, mqtt, opcua, opc, mssql, mysql, odbc, oledb, oracle, postgresql, sqlite, ads, modbus, oianalytics, osisoft-pi, rest, sftp, ftp, influxdb"
	southTypesR = "folder-scanner, mqtt, opcua, opc, mssql, mysql, odbc, oledb, oracle, postgresql, sqlite, ads, modbus, oianalytics, osisoft-pi, rest, sftp, ftp"
	northTypes  = "console, oianalytics, azure-blob, aws-s3, file-writer, sftp, rest, opcua, modbus, mqtt"
	noItems     = `"Cannot read properties of undefined (reading 'items')"`
	noSettings  = `"Cannot read properties of undefined (reading 'settings')"`
	southDone   = `"South connector created successfully"`
	northDone   = `"North connector created successfully"`
)

// connectorDifferences are the deliberate differences of the recordings about Souths, Norths and their caches.
var connectorDifferences = []Deliberate{
	unknownKind("N", "create-south-unknown-type", "cmd-052-create-south", noItems, southTypesN, "teleporter"),
	unknownKind("R", "create-south-influxdb", "cmd-080-create-south", noItems, southTypesR, "influxdb"),
	unknownKind("N", "create-north-unknown-type", "cmd-098-create-north", noSettings, northTypes, "teleporter"),
	unknownKind("N", "test-north-connection-unknown-type", "cmd-115-test-north-connection", noSettings, northTypes, "nope"),
	{"N", "create-south-bad-secret", ownWordsForCipher, []Difference{{"outcome.cmd-059-create-south.result", oaepError, notBase64}}},
	{"N", "create-or-update-south-items-from-csv", tableNumbers, numbers(0, 1)},
	{"N", "create-or-update-south-items-from-csv-delete-not-present", tableNumbers, numbers(0)},
	{"R", "create-or-update-south-items-from-csv", tableNumbers, numbers(0, 1)},
	{"R", "create-or-update-south-items-from-csv-overlap", tableNumbers, numbers(1)},
	{"R", "create-or-update-south-items-from-csv-overlap", "the column overlap counts; the reference forgets it (W-28)", []Difference{
		{"requests[0].body.southConnectors.FS.settings.items[1].overlap", "null", "250"},
	}},
	adapted("create-south-dialect-N-settings", "cmd-077-create-south", `"\"username\" is not allowed. \"password\" is not allowed. \"domain\" is not allowed"`, southDone),
	adapted("create-south-ftp-dialect-N-settings", "cmd-078-create-south", `"\"retryInterval\" is not allowed"`, southDone),
	adapted("create-north-rest-without-test-body", "cmd-113-create-north", `"\"test.body\" is required"`, northDone),
	adapted("create-north-file-writer-dialect-N-settings", "cmd-114-create-north", `"\"username\" is not allowed. \"password\" is not allowed. \"domain\" is not allowed"`, northDone),
	{"N", "test-south-item-sqlite", ownFolder, trialFolder("cmd-084-test-south-item", "raw.", "q")},
	{"R", "test-south-item-sqlite", ownFolder, trialFolder("cmd-102-test-south-item", "", "q")},
	{"N", "test-history-query-south-item", ownFolder, trialFolder("cmd-1044-test-history-query-south-item", "raw.", "q1")},
	{"R", "test-history-query-south-item", ownFolder, trialFolder("cmd-1040-test-history-query-south-item", "", "q1")},
	{"R", "test-history-query-north-connection-failing", "a folder is tried by writing into it, in both dialects, and the text is that of dialect N", []Difference{
		{"outcome.cmd-1034-test-history-query-north-connection.result", `"Access error on \"/srv/oibus/work/nope\": ENOENT: no such file or directory, access '/srv/oibus/work/nope'"`,
			`"Write access error on \"/srv/oibus/work/nope\": ENOENT: no such file or directory, open '/srv/oibus/work/nope/.oibus-write-test'"`},
	}},
	{"N", "test-south-item-no-history", "a test without a window reads the last hour; the reference shows a fault of its program", []Difference{
		{"outcome.cmd-089-test-south-item.result", `"Cannot read properties of undefined (reading 'startTime')"`, clipped(`{"connectionDuration":"‹milliseconds›","queryDuration":"‹milliseconds›",` +
			`"raw":{"content":"","filePath":"/srv/oibus/data/tmp/‹trial›/sqlite:test-connection-q-‹time›.csv","totalSize":0,"truncated":false,"type":"any"},"transformed":null}`)},
		{"outcome.cmd-089-test-south-item.states", errored, completed},
		{"reports.cmd-089-test-south-item[1].completedDate", "null", `"‹instant›"`},
	}},
	{"N", "get-north-cache-file-content-path-traversal-2", "a name leads nowhere but into the cache; the reference reads what it finds elsewhere", []Difference{
		{"outcome.cmd-2206-get-north-cache-file-content.result",
			`"Error while reading file \"/srv/oibus/work/in/sample.csv\": Unexpected token 'i', \"id,timesta\"... is not valid JSON"`,
			clipped(`"Error while reading file \"/srv/oibus/data/cache/north-‹northConnectors FW›/content/../../../../work/in/sample.csv\": ENOENT: no such file or directory, open ` +
				`'/srv/oibus/data/cache/north-‹northConnectors FW›/metadata/../../../../work/in/sample.csv'"`)},
	}},
	{"R", connectorLogs, "only the web server logs as the web server", []Difference{
		{`entries.level="a level" message="a text" scopeId=null scopeName=null scopeType="WEB_SERVER" timestamp="an instant"`, "true", absent},
	}},
	{"N", "kill9-while-running", "a command that was interrupted is not executed again: it may have had its effect (W-13)", []Difference{
		{"outcome.cmd-2280-test-south-connection.result", `{"items":[]}`,
			`"OIBus stopped while this command was running. What it did is not known: check, and send it again if needed"`},
		{"outcome.cmd-2280-test-south-connection.states", completed, errored},
		{"reports.cmd-2280-test-south-connection[1].completedDate", `"‹instant›"`, "null"},
	}},
	{"N", "get-north-cache-file-content-path-traversal", "a name leads nowhere but into the cache (protocol/data-plane.md, 11.3.16); the reference looks elsewhere", []Difference{
		{"outcome.cmd-132-get-north-cache-file-content.result", `"Error while reading file \"/srv/oibus-other\": ENOENT: no such file or directory, open '/srv/oibus-other'"`,
			clipped(`"Error while reading file \"/srv/oibus/data/cache/north-‹northConnectors FW›/content/../../../../../../etc/hostname\": ENOENT: no such file or directory, open ` +
				`'/srv/oibus/data/cache/north-‹northConnectors FW›/metadata/../../../../../../etc/hostname'"`)},
	}},
}

// unknownKind is a type of connector that there is not.
func unknownKind(dialect, scenario, command, recorded, types, kind string) Deliberate {
	return Deliberate{dialect, scenario, ownWordsForType, []Difference{
		{"outcome." + command + ".result", recorded, clipped(shown(`"type" must be one of [` + types + `], "` + kind + `" is not known to this OIBus`))},
	}}
}

// adapted is a connector with settings of dialect N, which an agent of dialect R makes all the same.
func adapted(scenario, command, recorded, done string) Deliberate {
	return Deliberate{"R", scenario, bothDialects, []Difference{
		{"outcome." + command + ".result", recorded, done},
		{"outcome." + command + ".states", errored, completed},
		{"reports." + command + "[1].completedDate", "null", `"‹instant›"`},
		{"sent[0]", absent, putConfig},
	}}
}

// numbers are those of the items of FS that came from a table.
func numbers(items ...int) (fields []Difference) {
	for _, i := range items {
		at := fmt.Sprintf("requests[0].body.southConnectors.FS.settings.items[%d].settings.", i)
		fields = append(fields, Difference{at + "maxFiles", `"0"`, "0"}, Difference{at + "maxSize", `"0"`, "0"}, Difference{at + "minAge", `"100"`, "100"})
	}
	return fields
}

// trialFolder is where a test of an item would have written its file.
func trialFolder(command, within, item string) []Difference {
	file := "sqlite:test-connection-" + item + "-‹time›.csv"
	return []Difference{{"outcome." + command + ".result." + within + "filePath", shown("/srv/oibus/data/tmp/" + file), shown("/srv/oibus/data/tmp/‹trial›/" + file)}}
}
