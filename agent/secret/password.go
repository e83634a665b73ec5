package secret

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Parameters of argon2id: the lowest memory of the OWASP recommendation (19 MiB, 2 passes), for small machines.
const (
	argonMemory = 19 * 1024 // KiB
	argonTime   = 2
	argonLanes  = 1
	argonSalt   = 16
	argonLen    = 32

	// Bounds on the parameters of a stored hash, so that a damaged one cannot take the machine's memory.
	argonMaxMemory = 256 * 1024
	argonMaxTime   = 10
)

// hashing lets one password at a time be hashed, so that many logins at once cannot take the machine's memory.
var hashing = make(chan struct{}, 1)

func argon(password string, salt []byte, time, memory uint32, lanes uint8, n uint32) []byte {
	hashing <- struct{}{}
	defer func() { <-hashing }()
	return argon2.IDKey([]byte(password), salt, time, memory, lanes, n)
}

// HashPassword makes an argon2id hash in the usual text form.
func HashPassword(password string) (string, error) {
	return hash(password, argonTime, argonMemory), nil
}

// HashGenerated is HashPassword for what NewPassword made: nobody guesses that, so its hash need not be slow, and a
// first start is not held up.
func HashGenerated(password string) (string, error) { return hash(password, 1, 64), nil }

func hash(password string, time, memory uint32) string {
	salt := make([]byte, argonSalt)
	rand.Read(salt)
	key := argon(password, salt, time, memory, argonLanes, argonLen)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, time, argonLanes,
		b64.EncodeToString(salt), b64.EncodeToString(key))
}

// VerifyPassword says whether password has this argon2id hash. A hash that is none is nobody's.
func VerifyPassword(hash, password string) bool {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false
	}
	var version int
	var memory, time uint32
	var lanes uint8
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false
	}
	for parameter := range strings.SplitSeq(parts[3], ",") { // in any order: the reference writes m, p, t
		var err error
		switch {
		case strings.HasPrefix(parameter, "m="):
			_, err = fmt.Sscanf(parameter, "m=%d", &memory)
		case strings.HasPrefix(parameter, "t="):
			_, err = fmt.Sscanf(parameter, "t=%d", &time)
		case strings.HasPrefix(parameter, "p="):
			_, err = fmt.Sscanf(parameter, "p=%d", &lanes)
		}
		if err != nil {
			return false
		}
	}
	if memory > argonMaxMemory || time < 1 || time > argonMaxTime || lanes < 1 {
		return false
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) < 16 || len(want) > 64 {
		return false
	}
	got := argon(password, salt, time, memory, lanes, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1
}

// NewPassword draws a random password that a person can type: no look-alike characters.
func NewPassword() string {
	const symbols = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	const length = 16 // 93 bits
	password := make([]byte, 0, length)
	var b [1]byte
	for len(password) < length {
		rand.Read(b[:])
		if int(b[0]) < 256/len(symbols)*len(symbols) {
			password = append(password, symbols[int(b[0])%len(symbols)])
		}
	}
	return string(password)
}
