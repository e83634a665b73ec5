package release

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func newKey(t testing.TB, role Role) PrivateKey {
	t.Helper()
	k, err := NewPrivateKey(role)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func rootKey(t testing.TB) PrivateKey    { return newKey(t, Root) }
func releaseKey(t testing.TB) PrivateKey { return newKey(t, Release) }

// certify gives a new release key a certificate of root, good for a year around the creation of the test package.
func certify(t testing.TB, root PrivateKey, serial uint64) PrivateKey {
	t.Helper()
	k := releaseKey(t)
	c, err := root.Certify(k.Public(), serial, created.AddDate(0, -6, 0), created.AddDate(0, 6, 0))
	if err != nil {
		t.Fatal(err)
	}
	k.Certificate = &c
	return k
}

func certifiedKey(t testing.TB, serial uint64) PrivateKey { return certify(t, rootKey(t), serial) }

func TestTheChainOfSignatures(t *testing.T) {
	t.Parallel()
	root, otherRoot := rootKey(t), rootKey(t)
	key, plain, other := certify(t, root, 7), releaseKey(t), releaseKey(t)
	data, plainData := build(t, base(), contents(), &key), build(t, base(), contents(), &plain)
	signed := func(change func(m map[string]any)) []byte { return rewrite(t, data, change) }
	signature := func(m map[string]any) map[string]any { return m["signature"].(map[string]any) }
	certificate := func(m map[string]any) map[string]any { return signature(m)["certificate"].(map[string]any) }
	at := func(p Policy, now time.Time) Policy { p.Now = now; return p }
	for _, c := range []struct {
		name   string
		data   []byte
		policy Policy
		want   string // "" accepts
	}{
		{"certified by the trusted root", data, machine(otherRoot.Public(), root.Public()), ""},
		{"signed by the trusted release key", plainData, machine(plain.Public()), ""},
		{"certified and trusted itself", data, machine(key.Public()), ""},
		{"wrong root", data, machine(otherRoot.Public()), "is not trusted here, nor certified by a trusted key (trusted: root " + otherRoot.Public().ID() + ")"},
		{"wrong release key", plainData, machine(other.Public()), "signed with key " + plain.Public().ID() + ", which is not trusted here"},
		{"release key where the root key is trusted", plainData, machine(root.Public()), "is not trusted here, nor certified"},
		{"last day", data, at(machine(root.Public()), created.AddDate(0, 6, 0)), ""},
		{"expired", data, at(machine(root.Public()), created.AddDate(0, 6, 1)), "the release key " + key.Public().ID() + " is expired since 2026-09-01"},
		{"made after its key expired", build(t, func() Manifest { m := base(); m.Created = created.AddDate(0, 7, 0); return m }(), contents(), &key),
			machine(root.Public()), "is expired since 2026-09-01"},
		{"clock that forgot the date", data, at(machine(root.Public()), time.Unix(0, 0)), ""},
		{"revoked", data, func() Policy { p := machine(root.Public()); p.Revoked = []uint64{3, 7}; return p }(), "with serial 7 is revoked"},
		{"another revoked", data, func() Policy { p := machine(root.Public()); p.Revoked = []uint64{3}; return p }(), ""},
		{"changed manifest", signed(func(m map[string]any) { m["created"] = "2027-01-01T00:00:00Z" }), at(machine(root.Public()), created), "is expired since"},
		{"changed version", signed(func(m map[string]any) { m["version"] = "9.9.9" }), machine(root.Public()), "was changed after it was signed"},
		{"added key", signed(func(m map[string]any) { m["later"] = true }), machine(root.Public()), "was changed after it was signed"},
		{"key that looks like the signature", signed(func(m map[string]any) { m["Signature"] = m["signature"] }), machine(root.Public()), "was changed after it was signed"},
		{"another signature", signed(func(m map[string]any) { signature(m)["value"] = "AAAA" }), machine(root.Public()), "was changed after it was signed"},
		{"another key id", signed(func(m map[string]any) { signature(m)["keyId"] = other.Public().ID() }), machine(root.Public()), "its certificate is for key " + key.Public().ID()},
		{"longer certificate", signed(func(m map[string]any) { certificate(m)["notAfter"] = "2099-01-01T00:00:00Z" }), machine(root.Public()), "does not bear the signature of root key"},
		{"another serial", signed(func(m map[string]any) { certificate(m)["serial"] = 8 }), machine(root.Public()), "does not bear the signature of root key"},
		{"another key in the certificate", signed(func(m map[string]any) { certificate(m)["key"] = other.Public().String() }), machine(root.Public()), "does not bear the signature of root key"},
		{"root key in the certificate", signed(func(m map[string]any) { certificate(m)["key"] = root.Public().String() }), machine(root.Public()), "is not for a release key"},
		{"no certificate", signed(func(m map[string]any) { delete(signature(m), "certificate") }), machine(root.Public()), "is not trusted here, nor certified"},
		{"no signature", signed(func(m map[string]any) { delete(m, "signature") }), machine(root.Public()), "nothing proves who made it: it is not signed, and the policy"},
		{"empty signature", signed(func(m map[string]any) { m["signature"] = map[string]any{} }), machine(root.Public()), "it is signed with key , which is not trusted"},
		{"null signature", signed(func(m map[string]any) { m["signature"] = nil }), machine(root.Public()), "it is not signed"},
		{"swapped file", swapped(t, data), machine(root.Public()), `entry "binaries/oibus" was changed: its SHA-256 is`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, r, err := verify(t, c.data, c.policy)
			if c.want != "" {
				wantRefused(t, err, c.want)
			} else if err != nil || r.Signer.KeyID == "" {
				t.Errorf("signer %+v, %v", r.Signer, err)
			}
		})
	}
	_, r := accept(t, data, machine(root.Public()))
	if r.Signer != (Signer{KeyID: key.Public().ID(), RootID: root.Public().ID(), Serial: 7}) || len(r.Warnings) != 0 {
		t.Errorf("%+v", r)
	}
	if _, r := accept(t, data, at(machine(root.Public()), time.Unix(0, 0))); len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "the clock of this machine says 1970-01-01") {
		t.Errorf("a clock that forgot the date: %q", r.Warnings)
	}
}

// swapped has another program of the same size.
func swapped(t *testing.T, data []byte) []byte {
	list := records(t, data)
	r := find(list, "binaries/oibus")
	r.content = strings.ToUpper(r.content)
	return archive(list)
}

func TestWhatNothingProvesIsAsThePolicySays(t *testing.T) {
	t.Parallel()
	key := releaseKey(t)
	none, unsigned, signed := archive(bare(t)), build(t, base(), contents(), nil), build(t, base(), contents(), &key)
	for _, c := range []struct {
		name     string
		data     []byte
		trusted  []PublicKey
		unproven Unproven
		warning  string
		refusal  string
	}{
		{"no manifest, no key", none, nil, UnprovenDefault, "it has no manifest.json", ""},
		{"no signature, no key", unsigned, nil, UnprovenDefault, "it is not signed", ""},
		{"signature, no key", signed, nil, UnprovenDefault, "but no key is trusted here", ""},
		{"no manifest, key", none, []PublicKey{key.Public()}, UnprovenDefault, "", "it has no manifest.json, and the policy of this machine refuses that"},
		{"no signature, key", unsigned, []PublicKey{key.Public()}, UnprovenDefault, "", "it is not signed, and the policy"},
		{"no manifest, key, accepted", none, []PublicKey{key.Public()}, UnprovenAccept, "it has no manifest.json", ""},
		{"no signature, key, accepted", unsigned, []PublicKey{key.Public()}, UnprovenAccept, "it is not signed", ""},
		{"foreign signature, accepted", signed, []PublicKey{releaseKey(t).Public()}, UnprovenAccept, "", "which is not trusted here"},
		{"no manifest, no key, refused", none, nil, UnprovenRefuse, "", "the policy of this machine refuses that"},
		{"signature, no key, refused", signed, nil, UnprovenRefuse, "", "no key is trusted here, and the policy"},
	} {
		p := machine(c.trusted...)
		p.Unproven = c.unproven
		_, r, err := verify(t, c.data, p)
		if c.refusal != "" {
			wantRefused(t, err, c.refusal)
		} else if err != nil || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], c.warning) || r.Signer != (Signer{}) {
			t.Errorf("%s: %+v %q, %v", c.name, r.Signer, r.Warnings, err)
		}
	}
}

func TestAPackageWithoutAManifestGetsOne(t *testing.T) {
	t.Parallel()
	list := append(bare(t), &record{name: "binaries/", mode: 0o040755})
	for _, r := range list {
		r.mode &^= 0o111 // as some tools do
	}
	_, r := accept(t, archive(list), machine())
	m := r.Manifest
	if m.Version != "" || m.Platform != Linux || m.State != (StateLevels{}) || len(m.Files) != len(contents()) {
		t.Errorf("%+v", m)
	}
	if i := slices.IndexFunc(m.Files, func(f File) bool { return f.Executable != (f.Path == "oibus-launcher" || f.Path == "binaries/oibus") }); i >= 0 {
		t.Errorf("%s: executable is %v", m.Files[i].Path, m.Files[i].Executable)
	}
}

func TestThePolicyForUnprovenPackagesIsReadFromText(t *testing.T) {
	t.Parallel()
	var u Unproven
	if err := u.UnmarshalText([]byte("accept")); err != nil || u != UnprovenAccept {
		t.Errorf("%q, %v", u, err)
	}
	if err := u.UnmarshalText([]byte("yes")); err == nil || u != UnprovenAccept {
		t.Errorf("%q, %v", u, err)
	}
}
