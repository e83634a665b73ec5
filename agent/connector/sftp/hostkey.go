package sftp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"oibus/agent/connector"
)

// hostKeys is the key in the Memory of a connector under which its host keys are, by address.
const hostKeys = "hostKeys"

// Trust is which server a connector believes to be the right one: the one that it has reached first.
type Trust struct {
	Memory connector.Memory // nil: nothing is remembered, and any server is right
	Test   bool             // nothing is remembered of a test, but what is known is insisted on
	Any    bool             // any server is right, as for the reference; the last one is remembered
	Log    *slog.Logger
}

// TrustOf is the Trust of a connector.
func TrustOf(env connector.Env) Trust {
	return Trust{Memory: env.Memory, Test: env.Test, Log: env.Log, Any: env.Host.AcceptChangedSSHHostKeys}
}

// ChangedKeyError is a server that shows another key than before.
type ChangedKeyError struct {
	Address    string
	Known, Got string // fingerprints
}

func (e *ChangedKeyError) Error() string {
	return fmt.Sprintf("the host key of %s has changed from %s to %s: somebody may be posing as the server, so nothing was sent to it. "+
		"If its key was renewed on purpose, set accept_changed_ssh_host_keys = true under [connectors] in oibus.toml until the new key is remembered, "+
		"or create this connector anew", e.Address, e.Known, e.Got)
}

// fingerprint is a key as people compare it.
func fingerprint(key ssh.PublicKey) string { return key.Type() + " " + ssh.FingerprintSHA256(key) }

// known is the key remembered for an address, nil for none.
func (t *Trust) known(address string) ssh.PublicKey {
	key, err := parseHostKey(t.all()[address])
	if err != nil {
		return nil
	}
	return key
}

func parseHostKey(line string) (ssh.PublicKey, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	return key, err
}

func (t *Trust) all() map[string]string {
	keys := map[string]string{}
	if t.Memory == nil {
		return keys
	}
	raw, ok := t.Memory.Get(hostKeys)
	if !ok || json.Unmarshal(raw, &keys) != nil {
		return map[string]string{}
	}
	return keys
}

// check is asked by SSH whether the server at an address is the right one, before any credential is sent.
func (t *Trust) check(address string) ssh.HostKeyCallback {
	return func(_ string, _ net.Addr, key ssh.PublicKey) error {
		if certificate, ok := key.(*ssh.Certificate); ok {
			key = certificate.Key
		}
		known := t.known(address)
		switch {
		case known != nil && bytes.Equal(known.Marshal(), key.Marshal()):
			return nil
		case known != nil && !t.Any:
			return &ChangedKeyError{address, fingerprint(known), fingerprint(key)}
		case t.Memory == nil || t.Test:
			return nil
		}
		if known != nil {
			t.Log.Warn(fmt.Sprintf("The host key of %s has changed from %s to %s: it is accepted because the settings of this machine say so", address, fingerprint(known), fingerprint(key)))
		} else {
			t.Log.Info(fmt.Sprintf("The host key of %s is %s: it is remembered, and another one will be refused", address, fingerprint(key)))
		}
		return t.remember(address, key)
	}
}

// mostHosts bounds what is remembered of a connector whose address is changed again and again.
const mostHosts = 20

func (t *Trust) remember(address string, key ssh.PublicKey) error {
	keys := t.all()
	if len(keys) >= mostHosts {
		clear(keys)
	}
	keys[address] = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
	raw, err := json.Marshal(keys)
	if err == nil {
		err = t.Memory.Set(map[string]json.RawMessage{hostKeys: raw})
	}
	if err != nil {
		return fmt.Errorf("cannot remember the host key: %w", err)
	}
	return nil
}

// algorithms are those of host keys, the ones of the known key first: a server with several keys then shows that one. Old
// servers have but ssh-rsa, which comes last.
func (t *Trust) algorithms(address string) []string {
	all := append(slices.Clone(ssh.SupportedAlgorithms().HostKeys), ssh.KeyAlgoRSA)
	known := t.known(address)
	if known == nil {
		return all
	}
	fits := func(name string) bool {
		return name == known.Type() || known.Type() == ssh.KeyAlgoRSA && (name == ssh.KeyAlgoRSASHA256 || name == ssh.KeyAlgoRSASHA512)
	}
	first := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return !fits(name) })
	return append(first, slices.DeleteFunc(slices.Clone(all), fits)...)
}
