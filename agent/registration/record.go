package registration

import (
	"errors"
	"time"

	"oibus/agent/entity"
	"oibus/agent/store"
)

// Record is the document on disk. Next to the entity it holds what the entity's REST form does not show.
type Record struct {
	entity.Registration

	// Working is the registration that stays in use while the one above waits for approval.
	Working *entity.Registration `json:"working"`

	// RequestedAt is when the code was sent. BlindExpiration says that the expiration date was in the past then: the
	// clocks disagree, so only the cloud can say that the code expired.
	RequestedAt     string `json:"requestedAt"`
	BlindExpiration bool   `json:"blindExpiration"`

	// LastFailure says how the last request ended without approval, and LastEnd whether it expired or was declined.
	// Both are "" when it did not.
	LastFailure string `json:"lastFailure"`
	LastEnd     string `json:"lastEnd"`

	Spare   *KeyPair     `json:"spare"`   // made ahead, for the next registration or regeneration
	Retired []RetiredKey `json:"retired"` // newest first
}

// KeyPair is a public key as PEM and its private key as sealed PEM.
type KeyPair struct {
	Public  string `json:"publicKey"`
	Private string `json:"privateKey"`
}

// RetiredKey is a private key, sealed, that was replaced. Until is when it is dropped, "" until the cloud has
// received the key that replaced it.
type RetiredKey struct {
	Private string `json:"privateKey"`
	Until   string `json:"until"`
}

// maxRetired bounds the retired keys: a cloud that never acknowledges a configuration must not grow the record.
const maxRetired = 5

// documentName is the record in the store.
const documentName = "registration"

type storeKeeper struct{ s *store.Store }

// Document keeps the record in the document "registration" of s.
func Document(s *store.Store) Keeper { return storeKeeper{s} }

func (k storeKeeper) Load() (Record, bool, error) { return store.Load(k.s, documentName, Record{}) }

// Save writes the record twice, so that both generations hold the same: the one before may be without the token, and
// a site that fell back on it would be cut off from its cloud.
func (k storeKeeper) Save(r Record) error {
	if r.Status == entity.NotRegistered && text(r.Token) == "" && k.s.Fresh() { // a first start has nothing to lose
		return store.Save(k.s, documentName, r)
	}
	return errors.Join(store.Save(k.s, documentName, r), store.Save(k.s, documentName, r))
}

// Check says what makes a record that was read from the disk unusable.
func (r Record) Check() error {
	if r.ID == "" {
		return errors.New("a registration without an id")
	}
	return nil
}

// newRecord is the record of a first start (protocol/control-plane.md, sections 2.1 and 2.2).
func newRecord(now time.Time) Record {
	return Record{Registration: entity.Registration{
		Audit:                  entity.NewAudit(entity.NewID(entity.LongID), entity.System, now),
		CommandRefreshInterval: 60,
		CommandRetryInterval:   5,
		MessageRetryInterval:   5,
		CommandPermissions:     entity.AllPermissions(),
		Status:                 entity.NotRegistered,
	}}
}

// complete gives a record of an older or edited file what later code relies on. A permission that the file does not
// know is false: only a person may grant one.
func (r *Record) complete() {
	permissions := make(map[string]bool, len(entity.Permissions))
	for _, p := range entity.Permissions {
		permissions[p] = r.CommandPermissions[p]
	}
	r.CommandPermissions = permissions
	switch r.Status {
	case entity.NotRegistered, entity.Pending, entity.Registered:
	default:
		r.Status = entity.NotRegistered
	}
	if r.Status != entity.Pending {
		r.Working = nil
	}
}

// active is the registration that works, nil when there is none.
func (r *Record) active() *entity.Registration {
	switch {
	case r.Status == entity.Registered:
		return &r.Registration
	case r.Status == entity.Pending && r.Working != nil:
		return r.Working
	}
	return nil
}

// pending tells whether a person's approval is waited for.
func (r *Record) pending() bool {
	return r.Status == entity.Pending && text(r.CheckURL) != ""
}

// clearRequest empties what belongs to a request.
func (r *Record) clearRequest() {
	blank := ""
	r.ActivationCode, r.CheckURL, r.ActivationExpirationDate = &blank, &blank, &blank
	r.RequestedAt, r.BlindExpiration = "", false
}

// unregister gives up both the request and the registration that works. Settings and keys stay.
func (r *Record) unregister() {
	blank := ""
	r.clearRequest()
	r.Status, r.Working, r.ActivationDate, r.Token = entity.NotRegistered, nil, &blank, &blank
}

// revert ends a request without approval: the registration that works is shown again, or none. Intervals,
// permissions and who changed them last stay as they are.
func (r *Record) revert(reason, ended string) {
	if r.Working == nil {
		r.unregister()
		r.LastFailure, r.LastEnd = reason, ended
		return
	}
	r.retire(r.PrivateCipherKey)
	kept := *r.Working
	kept.Audit, kept.CommandPermissions = r.Audit, r.CommandPermissions
	kept.CommandRefreshInterval, kept.CommandRetryInterval, kept.MessageRetryInterval =
		r.CommandRefreshInterval, r.CommandRetryInterval, r.MessageRetryInterval
	r.Registration, r.Working = kept, nil
	r.clearRequest()
	r.LastFailure, r.LastEnd = reason, ended
}

// text is the text that p points to, "" for nil.
func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func ptr(s string) *string { return &s }
