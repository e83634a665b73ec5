package release

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Policy is what the person in charge of the machine decides about packages, and what the machine is. The zero value
// is that of a machine without trusted keys.
type Policy struct {
	// Trusted are the keys of which one must have signed the package, or have certified the key that did.
	Trusted []PublicKey
	// Unproven says what happens to packages whose origin nothing proves.
	Unproven Unproven
	// Revoked are serial numbers of certificates that are no longer good.
	Revoked []uint64
	// Version, unless empty, is the only one that is accepted, with or without a leading v.
	Version string
	// StateLevel, unless 0, is the schema level of the data folder, which the release must be able to read.
	StateLevel int
	// Platform and Architecture are of the machine that the package is for; empty means this one.
	Platform, Architecture string
	// Now is the time; zero means the time of day. A clock that is behind does no harm.
	Now time.Time
}

// Unproven is what happens to a package whose origin nothing proves: it has no manifest or no signature, or there is
// no key to check the signature with. A signature that is wrong is never accepted.
type Unproven string

// By default such packages are accepted with a warning while no key is trusted, and refused when one is.
const (
	UnprovenDefault Unproven = ""
	UnprovenAccept  Unproven = "accept"
	UnprovenRefuse  Unproven = "refuse"
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (u *Unproven) UnmarshalText(text []byte) error {
	v := Unproven(text)
	if v != UnprovenDefault && v != UnprovenAccept && v != UnprovenRefuse {
		return fmt.Errorf(`%q is neither "accept" nor "refuse" nor empty`, text)
	}
	*u = v
	return nil
}

// Signer is who vouches for a release. The zero value is nobody.
type Signer struct {
	KeyID  string `json:"keyId"`
	RootID string `json:"rootId"` // "" when the release key itself is trusted
	Serial uint64 `json:"serial"` // of the certificate, 0 when there is none
}

func (p Policy) isRevoked(serial uint64) bool { return slices.Contains(p.Revoked, serial) }

func (p Policy) now() time.Time {
	if p.Now.IsZero() {
		return time.Now()
	}
	return p.Now
}

// unproven is the answer to a package whose origin is not proven for the reason given.
func (p Policy) unproven(reason string) (warning string, err error) {
	refused := p.Unproven == UnprovenRefuse || p.Unproven == UnprovenDefault && len(p.Trusted) > 0
	if refused {
		return "", refuse("", "nothing proves who made it: %s, and the policy of this machine refuses that", reason)
	}
	return "nothing proves who made it: " + reason, nil
}

// Prove returns who vouches for the manifest after the policy, and what a person should be warned of, or an error that
// says why it is not accepted. It does not look at files.
func (m Manifest) Prove(p Policy) (Signer, []string, error) {
	switch {
	case m.Signature == nil && m.Version == "":
		return noSigner(p.unproven("it has no " + ManifestName))
	case m.Signature == nil:
		return noSigner(p.unproven("it is not signed"))
	case len(p.Trusted) == 0:
		return noSigner(p.unproven("it is signed with key " + shorten(m.Signature.KeyID) + ", but no key is trusted here"))
	}
	key, signer, err := m.signer(p)
	if err != nil {
		return Signer{}, nil, err
	}
	if !key.verify(manifestPurpose, m.form, m.Signature.Value) {
		return Signer{}, nil, refuse(ManifestName, "was changed after it was signed: the signature of key %s is wrong", key.ID())
	}
	return signer, m.clockWarning(p), nil
}

func noSigner(warning string, err error) (Signer, []string, error) {
	if err != nil {
		return Signer{}, nil, err
	}
	return Signer{}, []string{warning}, nil
}

// signer finds the key that the signature says it was made with, as a trusted key or vouched for by one.
func (m Manifest) signer(p Policy) (PublicKey, Signer, error) {
	cert := m.Signature.Certificate
	for _, trusted := range p.Trusted {
		switch {
		case trusted.Role == Release && trusted.ID() == m.Signature.KeyID:
			return trusted, Signer{KeyID: trusted.ID()}, nil
		case trusted.Role == Root && cert != nil && trusted.ID() == cert.Issuer:
			if err := cert.check(trusted, p, latest(p.now(), m.Created)); err != nil {
				return PublicKey{}, Signer{}, err
			}
			if cert.Key.ID() != m.Signature.KeyID {
				return PublicKey{}, Signer{}, refuse("", "it is signed with key %s, its certificate is for key %s", shorten(m.Signature.KeyID), cert.Key.ID())
			}
			return cert.Key, Signer{KeyID: cert.Key.ID(), RootID: trusted.ID(), Serial: cert.Serial}, nil
		}
	}
	return PublicKey{}, Signer{}, refuse("", "it is signed with key %s, which is not trusted here, nor certified by a trusted key (trusted: %s)",
		shorten(m.Signature.KeyID), keyNames(p.Trusted))
}

func keyNames(keys []PublicKey) string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = string(k.Role) + " " + k.ID()
	}
	return strings.Join(names, ", ")
}

// clockWarning tells of a clock that cannot be right. It is no reason to refuse: a machine whose clock forgot the date
// must still be able to get a release.
func (m Manifest) clockWarning(p Policy) []string {
	begin := m.Created
	if c := m.Signature.Certificate; c != nil {
		begin = latest(begin, c.NotBefore)
	}
	if now := p.now(); now.Before(begin) {
		return []string{fmt.Sprintf("the clock of this machine says %s, but the release was signed on %s or later", day(now), day(begin))}
	}
	return nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
