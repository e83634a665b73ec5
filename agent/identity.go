package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"oibus/agent/connector"
	"oibus/agent/secret"
	"oibus/agent/store"
)

const (
	// identityDays is how long the agent's own certificate is valid. Machines trust it by name once a person has said
	// so, and nobody is there to say so again.
	identityDays = 20 * 365
	identityBits = 2048
)

// identity is the agent's own certificate. It is made when a connector first asks for it.
type identity struct {
	keys  *secret.Keyring
	facts *store.Facts
	mu    sync.Mutex
}

func (i *identity) certificate() (connector.Certificate, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if c, ok, err := i.load(); ok || err != nil {
		return c, err
	}
	return i.create()
}

func (i *identity) load() (connector.Certificate, bool, error) {
	certificate, ok := i.facts.Get("certificate")
	key, found := i.facts.Get("privateKey")
	if !ok || !found {
		return connector.Certificate{}, false, nil
	}
	c := connector.Certificate{Name: "OIBus"}
	var sealed string
	err := errors.Join(json.Unmarshal(certificate, &c.Certificate), json.Unmarshal(key, &sealed))
	if err == nil {
		c.PrivateKey, err = i.keys.Open(sealed)
	}
	if err != nil {
		return connector.Certificate{}, false, fmt.Errorf("cannot read the certificate of this OIBus: %w", err)
	}
	return c, true, nil
}

func (i *identity) create() (connector.Certificate, error) {
	host, err := os.Hostname()
	if err != nil {
		return connector.Certificate{}, fmt.Errorf("cannot name this OIBus in its certificate: %w", err)
	}
	made, err := secret.NewCertificate(secret.CertificateRequest{CommonName: "OIBus", KeyBits: identityBits, Days: identityDays, Hostname: host}, time.Now())
	if err != nil {
		return connector.Certificate{}, err
	}
	sealed, err := i.keys.Seal(made.PrivateKey)
	if err != nil {
		return connector.Certificate{}, err
	}
	facts := map[string]json.RawMessage{}
	for key, text := range map[string]string{"certificate": made.Certificate, "privateKey": sealed} {
		if facts[key], err = json.Marshal(text); err != nil {
			return connector.Certificate{}, err
		}
	}
	return connector.Certificate{Name: "OIBus", Certificate: made.Certificate, PrivateKey: made.PrivateKey}, i.facts.Set(facts)
}
