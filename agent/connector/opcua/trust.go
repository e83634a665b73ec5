package opcua

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"

	"oibus/agent/connector"
)

// trustKey is where the certificate of the server is remembered.
const trustKey = "server-certificate"

// trust remembers the certificate of a server. All are accepted, as there is no setting that says which; but one that
// is not that of the last time is told to people.
type trust struct {
	memory connector.Memory // nil in a test
	log    *slog.Logger
	url    string
}

type trusted struct {
	URL         string `json:"url"`
	Fingerprint string `json:"sha256"`
}

// meet takes notice of the certificate that the server shows.
func (t trust) meet(der []byte) {
	if t.memory == nil || len(der) == 0 {
		return
	}
	sum := sha256.Sum256(der)
	now := trusted{t.url, hex.EncodeToString(sum[:])}
	var before trusted
	if raw, ok := t.memory.Get(trustKey); ok && json.Unmarshal(raw, &before) != nil {
		before = trusted{} // written by another version
	}
	switch {
	case before == now:
		return
	case before.URL == now.URL && before.Fingerprint != "":
		t.log.Warn(fmt.Sprintf("The certificate of the OPC UA server %s has changed since the last connection: it was %s and is %s now. It is accepted; make sure that it is the right server",
			t.url, before.Fingerprint, now.Fingerprint))
	default:
		t.log.Info(fmt.Sprintf("The certificate of the OPC UA server %s is remembered: %s", t.url, now.Fingerprint))
	}
	raw, err := json.Marshal(now)
	if err == nil {
		err = t.memory.Set(map[string]json.RawMessage{trustKey: raw})
	}
	if err != nil {
		t.log.Error("cannot remember the certificate of the OPC UA server", "error", err)
	}
}
