package entity

// Status of a registration.
const (
	NotRegistered = "NOT_REGISTERED"
	Pending       = "PENDING"
	Registered    = "REGISTERED"
)

// Registration is the one record of how this OIBus is known to OIAnalytics. ProxyPassword, APIGatewayHeaderValue,
// Token and PrivateCipherKey are sealed texts.
type Registration struct {
	Audit
	Host                     string          `json:"host"`
	AcceptUnauthorized       bool            `json:"acceptUnauthorized"`
	UseProxy                 bool            `json:"useProxy"`
	ProxyURL                 *string         `json:"proxyUrl"`
	ProxyUsername            *string         `json:"proxyUsername"`
	ProxyPassword            *string         `json:"proxyPassword"`
	UseAPIGateway            bool            `json:"useApiGateway"`
	APIGatewayHeaderKey      *string         `json:"apiGatewayHeaderKey"`
	APIGatewayHeaderValue    *string         `json:"apiGatewayHeaderValue"`
	APIGatewayBaseEndpoint   *string         `json:"apiGatewayBaseEndpoint"`
	CommandRefreshInterval   int             `json:"commandRefreshInterval"` // seconds
	CommandRetryInterval     int             `json:"commandRetryInterval"`   // seconds
	MessageRetryInterval     int             `json:"messageRetryInterval"`   // seconds
	CommandPermissions       map[string]bool `json:"commandPermissions"`
	Status                   string          `json:"status"`
	ActivationCode           *string         `json:"activationCode"`
	CheckURL                 *string         `json:"checkUrl"`
	ActivationExpirationDate *string         `json:"activationExpirationDate"`
	ActivationDate           *string         `json:"activationDate"`
	Token                    *string         `json:"token"`
	PublicCipherKey          *string         `json:"publicCipherKey"`
	PrivateCipherKey         *string         `json:"privateCipherKey"`
}

// Permissions lists the 42 command permissions in the order of the wire (protocol/control-plane.md, section 3.10).
var Permissions = []string{
	"updateVersion", "restartEngine", "regenerateCipherKeys", "updateEngineSettings", "updateRegistrationSettings",
	"createScanMode", "updateScanMode", "deleteScanMode",
	"createIpFilter", "updateIpFilter", "deleteIpFilter",
	"createCertificate", "updateCertificate", "deleteCertificate",
	"createHistoryQuery", "updateHistoryQuery", "deleteHistoryQuery", "createOrUpdateHistoryItemsFromCsv",
	"testHistoryNorthConnection", "testHistorySouthConnection", "testHistorySouthItem",
	"createSouth", "updateSouth", "deleteSouth", "createOrUpdateSouthItemsFromCsv", "testSouthConnection", "testSouthItem",
	"createNorth", "updateNorth", "deleteNorth", "testNorthConnection", "setpoint",
	"searchHistoryCacheContent", "getHistoryCacheFileContent", "updateHistoryCacheContent",
	"searchNorthCacheContent", "getNorthCacheFileContent", "updateNorthCacheContent",
	"createCustomTransformer", "updateCustomTransformer", "deleteCustomTransformer", "testCustomTransformer",
}

// AllPermissions is a new map with every permission true.
func AllPermissions() map[string]bool {
	m := make(map[string]bool, len(Permissions))
	for _, p := range Permissions {
		m[p] = true
	}
	return m
}
