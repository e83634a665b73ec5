package conformance

import "slices"

// Scenario is one recording, or one group of recordings, and what becomes of it here.
type Scenario struct {
	Name   string
	Family string
	Folder Dialect // whose folder holds it

	// Later says why it is not played yet: what it needs. "" is played. To play it, empty this and
	// move the row among those played, in the order of recording; give it a script if something has to be arranged.
	Later string

	OnlyN string // why a played recording of dialect N is not repeated in dialect R too, "" when it is
}

// Families of scenarios.
const (
	famRegistration = "registration"
	famLifeCycle    = "command life cycle"
	famMessages     = "configuration messages"
	famLogs         = "logs"
	famEngine       = "engine settings"
	famSettings     = "registration settings"
	famScanModes    = "scan modes"
	famIPFilters    = "IP filters"
	famCertificates = "certificates"
	famKeys         = "cipher keys"
	famREST         = "REST"
	famSouths       = "souths"
	famNorths       = "norths"
	famHistory      = "history queries"
	famTransformers = "transformers"
	famCache        = "cache"
	famSetpoint     = "setpoints"
	famUpgrade      = "upgrade"
)

// inR says why a scenario of dialect N has no sense in dialect R.
const inR = "dialect R has update-engine-settings, whose own recordings are played"

// Scenarios of the one sequence in which the recordings of each folder were made: each finds what the ones before left.
var sequences = map[Dialect][]Scenario{N: sequenceN, R: sequenceR}

var sequenceN = []Scenario{
	{Name: "restart-boot-sequence", Family: famLifeCycle},
	{Name: "logs", Family: famLogs, OnlyN: "dialect R has its own recording"},
	{Name: "update-engine-general", Family: famEngine},
	{Name: "update-engine-general-invalid", Family: famEngine, OnlyN: inR},
	{Name: "update-engine-general-extra-field", Family: famEngine, OnlyN: inR},
	{Name: "update-engine-web-server", Family: famEngine},
	{Name: "update-engine-web-server-invalid", Family: famEngine, OnlyN: inR},
	{Name: "update-engine-web-server-conflict", Family: famEngine, OnlyN: inR},
	{Name: "update-engine-proxy-secret", Family: famEngine},
	{Name: "update-engine-proxy-invalid", Family: famEngine, OnlyN: inR},
	{Name: "update-engine-logger-secret", Family: famEngine},
	{Name: "update-engine-logger-bad-secret", Family: famEngine, OnlyN: inR},
	{Name: "update-engine-logger-invalid", Family: famEngine, OnlyN: inR},
	{Name: "update-registration-settings", Family: famSettings},
	{Name: "update-registration-settings-no-permissions", Family: famSettings},
	{Name: "create-scan-mode", Family: famScanModes},
	{Name: "create-scan-mode-duplicate", Family: famScanModes},
	{Name: "create-scan-mode-bad-cron", Family: famScanModes},
	{Name: "create-scan-mode-cron-6-fields-out-of-range", Family: famScanModes},
	{Name: "create-scan-mode-cron-empty", Family: famScanModes},
	{Name: "create-scan-mode-cron-L", Family: famScanModes},
	{Name: "create-scan-mode-cron-hash", Family: famScanModes},
	{Name: "create-scan-mode-cron-W", Family: famScanModes},
	{Name: "create-scan-mode-missing-fields", Family: famScanModes},
	{Name: "update-scan-mode-unknown-id", Family: famScanModes},
	{Name: "update-scan-mode-duplicate-name", Family: famScanModes},
	{Name: "delete-scan-mode", Family: famScanModes},
	{Name: "create-ip-filter", Family: famIPFilters},
	{Name: "create-ip-filter-invalid", Family: famIPFilters},
	{Name: "create-ip-filter-duplicate", Family: famIPFilters},
	{Name: "delete-ip-filter", Family: famIPFilters},
	{Name: "delete-ip-filter-unknown-id", Family: famIPFilters},
	{Name: "create-certificate", Family: famCertificates},
	{Name: "create-certificate-invalid", Family: famCertificates},
	{Name: "update-certificate-unknown-id", Family: famCertificates},
	{Name: "delete-certificate-unknown-id", Family: famCertificates},
	{Name: "permission-denied-all-types", Family: famLifeCycle, OnlyN: "dialect R has its own recording"},
	{Name: "permission-denied-vs-version", Family: famLifeCycle},
	{Name: "pending-500-twice", Family: famLifeCycle},
	{Name: "status-500-three-times", Family: famLifeCycle},
	{Name: "status-404", Family: famLifeCycle},
	{Name: "configuration-500-twice", Family: famMessages},
	{Name: "configuration-400-bad-request", Family: famMessages},
	{Name: "configuration-400-other-text", Family: famMessages},
	{Name: "duplicate-command-id", Family: famLifeCycle},
	{Name: "duplicate-command-id-2", Family: famLifeCycle},
	{Name: "unknown-command-type", Family: famLifeCycle},
	{Name: "batch-of-four", Family: famMessages},
	{Name: "pending-401", Family: famLifeCycle},
	{Name: "regenerate-cipher-keys", Family: famKeys},
	{Name: "command-after-restart", Family: famLifeCycle},
	{Name: "target-version-3.9.0-after-false-update", Family: famLifeCycle},
	{Name: "bug-logger-reset-hang", Family: famEngine},
}

var sequenceR = []Scenario{
	{Name: "restart-boot-sequence", Family: famLifeCycle},
	{Name: "logs", Family: famLogs},
	{Name: "update-engine-settings", Family: famEngine},
	{Name: "update-engine-settings-unchanged", Family: famEngine},
	{Name: "update-engine-settings-log-levels", Family: famEngine},
	{Name: "update-engine-settings-empty-name", Family: famEngine},
	{Name: "update-engine-settings-extra-field", Family: famEngine},
	{Name: "update-engine-settings-dialect-N", Family: famEngine},
	{Name: "update-engine-settings-bad-port", Family: famEngine},
	{Name: "update-engine-settings-same-port", Family: famEngine},
	{Name: "update-engine-settings-proxy-port-null", Family: famEngine},
	{Name: "update-engine-settings-proxy-enabled", Family: famEngine},
	{Name: "update-engine-settings-secret-kept", Family: famEngine},
	{Name: "update-engine-settings-bad-secret", Family: famEngine},
	{Name: "update-engine-settings-invalid-log-parameters", Family: famEngine},
	{Name: "update-engine-settings-missing-level", Family: famEngine},
	{Name: "update-engine-settings-missing-oia", Family: famEngine},
	{Name: "update-engine-settings-missing-loki", Family: famEngine},
	{Name: "update-engine-settings-missing-proxy-enabled", Family: famEngine},
	{Name: "update-engine-settings-missing-proxy-port", Family: famEngine},
	{Name: "update-engine-settings-port-back", Family: famEngine},
	{Name: "permission-denied-all-types", Family: famLifeCycle},
	{Name: "unknown-command-type-dialect-N", Family: famLifeCycle},
}

// registrationScenarios are played from the first start of an agent, by registration.go.
var registrationScenarios = []string{"rest-initial-state", "rest-change-port", "registration", "full-config", "history-queries", "commands-pending-poll", "registration-variants"}

// takeovers are the scenarios at which another agent takes over, to save time. It catches up first (caughtUp).
var takeovers = []string{"permission-denied-all-types", "configuration-500-twice"}

// parts splits a sequence at the takeovers.
func parts(sequence []Scenario) [][]Scenario {
	split := [][]Scenario{nil}
	for _, s := range sequence {
		if slices.Contains(takeovers, s.Name) {
			split = append(split, nil)
		}
		split[len(split)-1] = append(split[len(split)-1], s)
	}
	return split
}
