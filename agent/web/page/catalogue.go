package page

// permissionGroup gathers command permissions (protocol/control-plane.md, section 3.10) as a person thinks of them.
type permissionGroup struct {
	Name        string
	Permissions []string
}

// permissionGroups holds each of entity.Permissions once.
var permissionGroups = []permissionGroup{
	{"engine", []string{"updateVersion", "restartEngine", "regenerateCipherKeys", "updateEngineSettings", "updateRegistrationSettings"}},
	{"scanMode", []string{"createScanMode", "updateScanMode", "deleteScanMode"}},
	{"ipFilter", []string{"createIpFilter", "updateIpFilter", "deleteIpFilter"}},
	{"certificate", []string{"createCertificate", "updateCertificate", "deleteCertificate"}},
	{"south", []string{"createSouth", "updateSouth", "deleteSouth", "createOrUpdateSouthItemsFromCsv", "testSouthConnection", "testSouthItem"}},
	{"north", []string{"createNorth", "updateNorth", "deleteNorth", "testNorthConnection", "setpoint"}},
	{"northCache", []string{"searchNorthCacheContent", "getNorthCacheFileContent", "updateNorthCacheContent"}},
	{"history", []string{
		"createHistoryQuery", "updateHistoryQuery", "deleteHistoryQuery", "createOrUpdateHistoryItemsFromCsv",
		"testHistoryNorthConnection", "testHistorySouthConnection", "testHistorySouthItem",
	}},
	{"historyCache", []string{"searchHistoryCacheContent", "getHistoryCacheFileContent", "updateHistoryCacheContent"}},
	{"transformer", []string{"createCustomTransformer", "updateCustomTransformer", "deleteCustomTransformer", "testCustomTransformer"}},
}

// commandTypes lists the types of commands (protocol/control-plane.md, section 5), for the filter of the page.
var commandTypes = []string{
	"update-version", "restart-engine", "regenerate-cipher-keys",
	"update-engine-settings", "update-engine-general", "update-engine-web-server", "update-engine-proxy", "update-engine-logger",
	"update-registration-settings",
	"create-scan-mode", "update-scan-mode", "delete-scan-mode",
	"create-ip-filter", "update-ip-filter", "delete-ip-filter",
	"create-certificate", "update-certificate", "delete-certificate",
	"create-south", "update-south", "delete-south", "create-or-update-south-items-from-csv", "test-south-connection", "test-south-item",
	"create-north", "update-north", "delete-north", "test-north-connection", "setpoint",
	"create-history-query", "update-history-query", "delete-history-query", "update-history-query-status",
	"create-or-update-history-query-south-items-from-csv",
	"test-history-query-north-connection", "test-history-query-south-connection", "test-history-query-south-item",
	"search-north-cache-content", "get-north-cache-file-content", "update-north-cache-content",
	"search-history-cache-content", "get-history-cache-file-content", "update-history-cache-content",
	"create-custom-transformer", "update-custom-transformer", "delete-custom-transformer", "test-custom-transformer",
	"test-transformer",
}

// presets are cron expressions to start from.
var presets = []string{"* * * * * *", "*/10 * * * * *", "0 * * * * *", "0 */5 * * * *", "0 0 * * * *", "0 0 6 * * *", "0 0 6 * * mon-fri"}
