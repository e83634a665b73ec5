package command

import (
	"context"
	"encoding/json"
	"time"
)

// row is one type of command: everything about it is said here. A new type is one row, and one function in the file
// of its family.
type row struct {
	name       string
	dialects   string // of the wire that have it: N, R or NR; it is executed in both
	permission string
	keys       []key
	run        run
	test       bool       // runs under testDeadline, changes nothing
	secrets    [][]string // paths in the content of what may be a secret in clear: the content is sealed at rest
	exits      bool       // the process is asked to restart once the cloud was told
	settle     settler    // what became of it when the process ended while it ran; nil: that is not known
	resumes    bool       // it is run again instead, finds out by itself how far it is, and may take days
	settled    func(d *Deps, id string)
}

// run executes a command. ctx ends at the deadline of the type and when OIBus stops.
type run func(ctx context.Context, d *Deps, c Command) (result string, err error)

// settler returns what run would have returned.
type settler func(d *Deps, c Command) (result string, err error)

func (r *row) deadline() time.Duration {
	switch {
	case r.test:
		return testDeadline
	case r.resumes:
		return patientDeadline
	}
	return workDeadline
}

// Names of keys that several types share.
const (
	scanModeID    = "scanModeId"
	ipFilterID    = "ipFilterId"
	certificateID = "certificateId"
	southID       = "southConnectorId"
	northID       = "northConnectorId"
	historyID     = "historyQueryId"
	transformerID = "transformerId"
	itemID        = "itemId"
)

var (
	whole      = same(contentKey)
	ofHistory  = renamed("historyId", historyID)
	csvContent = packed("deleteItemsNotPresent", "csvContent", "delimiter")
)

// table lists every type of both dialects (protocol/control-plane.md, sections 3.10, 5 and 12).
var table = []row{
	{name: "update-version", dialects: "NR", permission: "updateVersion", run: updateVersion, resumes: true, settled: updateSettled,
		keys: []key{packed("version", "assetId", "updateLauncher").and("backupFoldersPattern", "backupFolders")}},
	{name: "restart-engine", dialects: "NR", permission: "restartEngine", run: restartEngine, exits: true, settle: settleRestart},
	{name: "regenerate-cipher-keys", dialects: "NR", permission: "regenerateCipherKeys", run: regenerateCipherKeys},

	{name: "update-engine-general", dialects: "N", permission: "updateEngineSettings", keys: []key{whole}, run: updateEngineGeneral},
	{name: "update-engine-web-server", dialects: "N", permission: "updateEngineSettings", keys: []key{whole}, run: updateEngineWebServer},
	{name: "update-engine-proxy", dialects: "N", permission: "updateEngineSettings", keys: []key{whole}, run: updateEngineProxy, secrets: proxySecrets},
	{name: "update-engine-logger", dialects: "N", permission: "updateEngineSettings", keys: []key{whole}, run: updateEngineLogger},
	{name: "update-engine-settings", dialects: "R", permission: "updateEngineSettings", keys: []key{whole}, run: updateEngineSettings},
	{name: "update-registration-settings", dialects: "NR", permission: "updateRegistrationSettings", keys: []key{whole}, run: updateRegistrationSettings},

	{name: "create-scan-mode", dialects: "NR", permission: "createScanMode", keys: []key{whole}, run: createScanMode},
	{name: "update-scan-mode", dialects: "NR", permission: "updateScanMode", keys: []key{same(scanModeID), whole}, run: updateScanMode},
	{name: "delete-scan-mode", dialects: "NR", permission: "deleteScanMode", keys: []key{same(scanModeID)}, run: deleteScanMode},
	{name: "create-ip-filter", dialects: "NR", permission: "createIpFilter", keys: []key{whole}, run: createIPFilter},
	{name: "update-ip-filter", dialects: "NR", permission: "updateIpFilter", keys: []key{same(ipFilterID), whole}, run: updateIPFilter},
	{name: "delete-ip-filter", dialects: "NR", permission: "deleteIpFilter", keys: []key{same(ipFilterID)}, run: deleteIPFilter},
	{name: "create-certificate", dialects: "NR", permission: "createCertificate", keys: []key{whole}, run: createCertificate},
	{name: "update-certificate", dialects: "NR", permission: "updateCertificate", keys: []key{same(certificateID), whole}, run: updateCertificate},
	{name: "delete-certificate", dialects: "NR", permission: "deleteCertificate", keys: []key{same(certificateID)}, run: deleteCertificate},

	{name: "create-south", dialects: "NR", permission: "createSouth", keys: []key{source("retrieveSecretsFromSouth", southID), whole}, run: createSouth},
	{name: "update-south", dialects: "NR", permission: "updateSouth", keys: []key{same(southID), whole}, run: updateSouth},
	{name: "delete-south", dialects: "NR", permission: "deleteSouth", keys: []key{same(southID)}, run: deleteSouth},
	{name: "create-or-update-south-items-from-csv", dialects: "NR", permission: "createOrUpdateSouthItemsFromCsv", keys: []key{same(southID), csvContent}, run: importSouthItems},
	{name: "test-south-connection", dialects: "NR", permission: "testSouthConnection", test: true, keys: []key{same(southID), whole}, run: testSouthConnection},
	{name: "test-south-item", dialects: "NR", permission: "testSouthItem", test: true, keys: []key{same(southID), same(itemID), whole}, run: testSouthItem},

	{name: "create-north", dialects: "NR", permission: "createNorth", keys: []key{source("retrieveSecretsFromNorth", northID), whole}, run: createNorth},
	{name: "update-north", dialects: "NR", permission: "updateNorth", keys: []key{same(northID), whole}, run: updateNorth},
	{name: "delete-north", dialects: "NR", permission: "deleteNorth", keys: []key{same(northID)}, run: deleteNorth},
	{name: "test-north-connection", dialects: "NR", permission: "testNorthConnection", test: true, keys: []key{same(northID), whole}, run: testNorthConnection},
	{name: "setpoint", dialects: "NR", permission: "setpoint", keys: []key{same(northID), whole}, run: setpoint},

	{name: "create-history-query", dialects: "NR", permission: "createHistoryQuery", keys: []key{
		source("retrieveSecretsFromNorth", northID), source("retrieveSecretsFromSouth", southID),
		source("retrieveSecretsFromHistoryQuery", historyID), whole}, run: createHistory},
	{name: "update-history-query", dialects: "NR", permission: "updateHistoryQuery", keys: []key{ofHistory, whole}, run: updateHistory},
	{name: "delete-history-query", dialects: "NR", permission: "deleteHistoryQuery", keys: []key{ofHistory}, run: deleteHistory},
	{name: "create-or-update-history-query-south-items-from-csv", dialects: "NR", permission: "createOrUpdateHistoryItemsFromCsv", keys: []key{ofHistory, csvContent}, run: importHistoryItems},
	{name: "test-history-query-north-connection", dialects: "NR", permission: "testHistoryNorthConnection", test: true, keys: []key{ofHistory, same(northID), whole}, run: testHistoryNorth},
	{name: "test-history-query-south-connection", dialects: "NR", permission: "testHistorySouthConnection", test: true, keys: []key{ofHistory, same(southID), whole}, run: testHistorySouth},
	{name: "test-history-query-south-item", dialects: "NR", permission: "testHistorySouthItem", test: true, keys: []key{ofHistory, same(southID), same(itemID), whole}, run: testHistoryItem},
	{name: "update-history-query-status", dialects: "NR", permission: "updateHistoryQuery", keys: []key{ofHistory, packed("historyQueryStatus")}, run: updateHistoryStatus},

	{name: "search-north-cache-content", dialects: "NR", permission: "searchNorthCacheContent", keys: []key{same(northID), whole}, run: searchNorthCache},
	{name: "search-history-cache-content", dialects: "NR", permission: "searchHistoryCacheContent", keys: []key{same(historyID), whole}, run: searchHistoryCache},
	{name: "get-north-cache-file-content", dialects: "NR", permission: "getNorthCacheFileContent", keys: []key{same(northID), whole}, run: getNorthCacheFile},
	{name: "get-history-cache-file-content", dialects: "NR", permission: "getHistoryCacheFileContent", keys: []key{same(historyID), whole}, run: getHistoryCacheFile},
	{name: "update-north-cache-content", dialects: "NR", permission: "updateNorthCacheContent", keys: []key{same(northID), whole}, run: updateNorthCache},
	{name: "update-history-cache-content", dialects: "NR", permission: "updateHistoryCacheContent", keys: []key{same(historyID), whole}, run: updateHistoryCache},

	{name: "create-custom-transformer", dialects: "NR", permission: "createCustomTransformer", keys: []key{whole}, run: createTransformer},
	{name: "update-custom-transformer", dialects: "NR", permission: "updateCustomTransformer", keys: []key{same(transformerID), whole}, run: updateTransformer},
	{name: "delete-custom-transformer", dialects: "NR", permission: "deleteCustomTransformer", keys: []key{same(transformerID)}, run: deleteTransformer},
	{name: "test-custom-transformer", dialects: "NR", permission: "testCustomTransformer", test: true, keys: []key{whole}, run: testDraftTransformer},
	{name: "test-transformer", dialects: "N", permission: "testNorthConnection", test: true, keys: []key{same(transformerID), whole}, run: testTransformer},
}

// key says how keys of a fetched command are stored and sent back.
type key struct {
	fetched, stored []string // pairs
	inContent       bool     // they become the content
	blank           bool     // null or missing becomes ""
}

// same is a key that stays as it is.
func same(name string) key { return renamed(name, name) }

func renamed(fetched, stored string) key {
	return key{fetched: []string{fetched}, stored: []string{stored}}
}

// source names where secrets are copied from, or nothing.
func source(fetched, stored string) key {
	k := renamed(fetched, stored)
	k.blank = true
	return k
}

// packed are keys beside each other that are stored as the content.
func packed(names ...string) key { return key{fetched: names, stored: names, inContent: true} }

// and adds a key that is renamed on the way into the content.
func (k key) and(fetched, stored string) key {
	k.fetched = append(k.fetched[:len(k.fetched):len(k.fetched)], fetched)
	k.stored = append(k.stored[:len(k.stored):len(k.stored)], stored)
	return k
}

// shape turns the keys of a fetched command into those that are stored. A missing identifier becomes null, a missing
// content stays missing.
func (r *row) shape(fetched map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	stored := map[string]json.RawMessage{}
	for _, k := range r.keys {
		target := stored
		if k.inContent {
			target = map[string]json.RawMessage{}
		}
		for i, name := range k.fetched {
			value, ok := fetched[name]
			switch {
			case k.blank && (!ok || string(value) == "null"):
				target[k.stored[i]] = json.RawMessage(`""`)
			case ok:
				target[k.stored[i]] = value
			case !k.inContent && name != contentKey:
				target[k.stored[i]] = json.RawMessage("null")
			}
		}
		if k.inContent {
			packed, err := json.Marshal(target)
			if err != nil {
				return nil, err
			}
			stored[contentKey] = packed
		}
	}
	return stored, nil
}

// Type is what can be said of a type of command before one arrives.
type Type struct {
	Name       string `json:"name"`
	Permission string `json:"permission"`
	Dialects   string `json:"dialects"` // N, R or NR: of the wire that have it; it is executed in both
}

// Types lists the types of commands, in the order of the protocol.
func Types() []Type {
	types := make([]Type, len(table))
	for i, r := range table {
		types[i] = Type{Name: r.name, Permission: r.permission, Dialects: r.dialects}
	}
	return types
}
