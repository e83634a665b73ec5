package secret

import "testing"

func TestHashesOfTheReferenceKeepWorking(t *testing.T) {
	t.Parallel()
	const hash = "$argon2id$v=19$m=65536,p=4,t=3$uT7415OWENXDXviW7xn8Nw$vUu2TGP1vlKtcPFa2FyhdcKxFxjNeMhVektKhrQC/q4"
	if !VerifyPassword(hash, "pass") || VerifyPassword(hash, "other") {
		t.Error("the password of a user of the reference does not count")
	}
	for _, broken := range []string{"m=65536,p=4", "m=65536,t=3", "p=4,t=3,m=x", "m=99999999,p=4,t=3", "m=65536,p=300,t=3", ""} {
		if VerifyPassword("$argon2id$v=19$"+broken+"$uT7415OWENXDXviW7xn8Nw$vUu2TGP1vlKtcPFa2FyhdcKxFxjNeMhVektKhrQC/q4", "pass") {
			t.Errorf("a hash with the parameters %q counts", broken)
		}
	}
}
