package command

import (
	"context"
	"encoding/json"

	"oibus/agent/cache"
	"oibus/agent/connector"
	"oibus/agent/connectors"
	"oibus/agent/content"
	"oibus/agent/entity"
)

// Deps are what commands act on: one small interface a family. Texts of errors become the result of the command.
type Deps struct {
	Engine       EngineSettings
	ScanModes    ScanModes
	IPFilters    IPFilters
	Certificates Certificates
	Identity     Identity
	Souths       Souths
	Norths       Norths
	Transformers Transformers
	Connectors   Connectors
	Histories    Histories

	// Restart asks for a graceful restart of the process and returns at once.
	Restart func()
	// IgnoreRemoteUpdate is the start option that refuses update-version.
	IgnoreRemoteUpdate bool
	// Upgrades carries out update-version. nil: it cannot be executed.
	Upgrades Upgrades
}

// Upgrades installs other versions of OIBus.
type Upgrades interface {
	// Run carries out an update-version, or goes on with the one of this id that ran when the process ended, and
	// returns what became of it. It tells progress to note. It ends without a verdict only when ctx does.
	Run(ctx context.Context, id string, content json.RawMessage, note func(text string)) (result string, err error)
	// Settled is told that the end of the command is durable.
	Settled(id string)
	// OnTrial says whether this version is on trial: then nothing is fetched or executed, since what is done now may be
	// undone together with this version, and the cloud would have been told otherwise.
	OnTrial() bool
}

// EngineSettings changes the settings of the engine.
type EngineSettings interface {
	UpdateGeneral(author string, body json.RawMessage) error
	UpdateWebServer(author string, body json.RawMessage) error
	UpdateProxy(author string, body json.RawMessage) error
	UpdateLogger(author string, body json.RawMessage) error
	UpdateEngineFlat(author string, body json.RawMessage) error
}

// ScanModes changes scan modes.
type ScanModes interface {
	CreateScanMode(author string, body json.RawMessage) (entity.ScanMode, error)
	UpdateScanMode(author, id string, body json.RawMessage) error
	DeleteScanMode(author, id string) error
}

// IPFilters changes IP filters.
type IPFilters interface {
	CreateIPFilter(author string, body json.RawMessage) (entity.IPFilter, error)
	UpdateIPFilter(author, id string, body json.RawMessage) error
	DeleteIPFilter(author, id string) error
}

// Certificates changes certificates.
type Certificates interface {
	CreateCertificate(author string, body json.RawMessage) (entity.Certificate, error)
	UpdateCertificate(author, id string, body json.RawMessage) error
	DeleteCertificate(author, id string) error
}

// Identity changes how OIBus is known to the cloud, and decrypts what the cloud encrypted for it.
type Identity interface {
	UpdateFromCloud(content json.RawMessage) error
	RegenerateKeys(ctx context.Context) error
	Decrypt(ciphertext string) (string, error)
}

// Souths changes the configuration of Souths.
type Souths interface {
	CreateSouth(author string, body json.RawMessage, secrets connectors.Secrets) (entity.South, error)
	UpdateSouth(author, id string, body json.RawMessage, secrets connectors.Secrets) error
	DeleteSouth(author, id string) error
	ImportCSV(author, southID, text, delimiter string, replace bool) (count int, name string, err error)
}

// Norths changes the configuration of Norths.
type Norths interface {
	CreateNorth(author string, body json.RawMessage, secrets connectors.Secrets) (entity.North, error)
	UpdateNorth(author, id string, body json.RawMessage, secrets connectors.Secrets) error
	DeleteNorth(author, id string) error
}

// ItemTest is one reading of an item that need not be stored. SouthID is that of a South, or "create".
type ItemTest struct {
	SouthID, SouthType, ItemName                 string
	SouthSettings, ItemSettings, TestingSettings json.RawMessage
}

// Connectors are the Souths and Norths at work.
type Connectors interface {
	TestSouth(ctx context.Context, southID, southType string, settings json.RawMessage, secrets connectors.Secrets) (connector.Report, error)
	// TestSouthItem returns what becomes the result of the command, cut to what a command may carry.
	TestSouthItem(ctx context.Context, t ItemTest, secrets connectors.Secrets) (any, error)
	TestNorth(ctx context.Context, northID, northType string, settings json.RawMessage, secrets connectors.Secrets) (connector.Report, error)
	Setpoint(ctx context.Context, northID string, setpoints []content.Setpoint) error
	// SearchCache returns what becomes the result of the command.
	SearchCache(northID string, q cache.Query) (any, error)
	CacheFile(northID string, folder cache.Folder, filename string) (cache.View, error)
	UpdateCache(northID string, u cache.Update) error
}
