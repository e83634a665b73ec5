package command

import (
	"context"
	"encoding/json"

	"oibus/agent/entity"
)

// Deps are what commands act on: one small interface a family. Texts of errors become the result of the command.
type Deps struct {
	Engine       EngineSettings
	ScanModes    ScanModes
	IPFilters    IPFilters
	Certificates Certificates
	Identity     Identity

	// Restart asks for a graceful restart of the process and returns at once.
	Restart func()
	// IgnoreRemoteUpdate is the start option that refuses update-version.
	IgnoreRemoteUpdate bool
	// SettleUpdate tells, at the start, what became of an update-version that ran when the process ended. nil: unknown.
	SettleUpdate func(content json.RawMessage) (result string, err error)
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
