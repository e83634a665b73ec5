package agent

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connectors"
	"oibus/agent/engine"
	"oibus/agent/logging"
	"oibus/agent/manifest"
	"oibus/agent/message"
	"oibus/agent/north"
	"oibus/agent/south"
)

// catalogue is what connectors are installed.
type catalogue struct {
	souths []south.Type
	norths []north.Type
}

// openDataPlane makes the Souths and Norths as they are configured, and what runs them.
func (a *agent) openDataPlane(context.Context) error {
	return a.openConnectors(catalogue{souths: southTypes, norths: northTypes})
}

func (a *agent) openConnectors(c catalogue) error {
	dialect := manifest.N
	if a.config.Dialect != "" {
		dialect = manifest.Dialect(a.config.Dialect)
	}
	var err error
	a.connectors, err = connectors.Open(connectors.Options{
		Store: a.store, Keys: a.keys, Dialect: dialect, ScanModes: a.settings.ScanModes, Now: time.Now,
		Transformer: a.transformers.Exists,
	})
	if err != nil {
		return err
	}
	for _, repair := range a.connectors.Repairs() {
		a.log.Warn(repair)
	}
	own := &identity{keys: a.keys, facts: a.store.Facts("identity")}
	host := connector.Host{
		Version: a.config.Announced, OIAnalytics: a.registration.Connection, Certificate: a.certificate, Now: time.Now,
		AcceptChangedSSHHostKeys: a.config.Bool("connectors.accept_changed_ssh_host_keys"), Identity: own.certificate, Seal: a.keys.Seal, Open: a.keys.Open,
		Memory: func(id string) connector.Memory { return a.store.Facts(connector.MemoryName(id)) },
	}
	a.engine, err = engine.New(engine.Options{
		Connectors: a.connectors, Souths: c.souths, Norths: c.norths, Transformer: a.transformers.Find, Dialect: dialect,
		ScanModes: a.settings.ScanModes, Open: a.keys.Open, Store: a.store, DataDir: a.line.DataDir, Log: a.log,
		Host: host,
		SouthLog: func(id, name string) *slog.Logger {
			return a.logs.Logger(logging.Scope{Type: logging.South, ID: id, Name: name})
		},
		NorthLog: func(id, name string) *slog.Logger {
			return a.logs.Logger(logging.Scope{Type: logging.North, ID: id, Name: name})
		},
	})
	if err != nil {
		return err
	}
	return a.openHistory(c, dialect, host)
}

// connectDataPlane lets changes take effect.
func (a *agent) connectDataPlane() {
	a.connectTransformers()
	a.connectHistory()
	a.connectors.OnChange(func(c connectors.Change) {
		a.engine.Changed(c)
		if c.Reported() {
			a.messages.Changed(message.FullConfig)
		}
	})
}

// stopLeft is what the data plane leaves of the time for a stop to the parts that are stopped after it.
const stopLeft = 4 * time.Second

// stopDataPlane stops reading, then sending, and releases the files.
func (a *agent) stopDataPlane(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, max(left(ctx)-stopLeft, 0))
	defer cancel()
	err := a.stopHistory(ctx)
	if a.engine != nil {
		err = errors.Join(err, a.engine.Stop(ctx))
	}
	return errors.Join(err, a.connectors.Close())
}

// certificate finds a stored certificate for a connector.
func (a *agent) certificate(id string) (connector.Certificate, error) {
	c, err := a.settings.Certificate(id)
	if err != nil {
		return connector.Certificate{}, err
	}
	key, err := a.settings.CertificateKey(id)
	return connector.Certificate{Name: c.Name, Certificate: c.Certificate, PrivateKey: key}, err
}
