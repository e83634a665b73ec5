package diagnostics

import (
	"bytes"
	"io"
	"regexp"
	"slices"
)

// masked stands for what was a secret, or looked like one.
const masked = "***"

// lineLimit is how much of one line is kept. It also bounds what mask holds.
const lineLimit = 1 << 20

// What looks like a secret: a password in an address, the value of a key of JSON or TOML that is called like one, a proof
// of a request, a private key, the hash of a password.
var (
	inAddress = regexp.MustCompile(`(://[^/\s:@"']*:)[^/\s@"']+@`)
	inKey     = regexp.MustCompile(`(?i)("?[\w.-]*(?:password|passphrase|activation_?code|secret|token|private_?key|access_?key|api_?key|account_?key)[\w-]*"?\s*[:=]\s*)"(?:[^"\\]|\\.)+"`)
	harmless  = regexp.MustCompile(`(?i)^"?[\w.-]*(?:duration|file|translation_?key)"?\s*[:=]`)
	inProof   = regexp.MustCompile(`(?i)\b(Basic|Bearer) [A-Za-z0-9+/=._~-]{8,}`)
	inPEM     = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[^-]|\\n)*(?:-----END [A-Z ]*PRIVATE KEY-----)?`)
	inHash    = regexp.MustCompile(`\$argon2[^\s"']+`)
)

// Mask returns a line of text without what looks like a secret.
func Mask(line []byte) []byte {
	if bytes.Contains(line, []byte("://")) {
		line = inAddress.ReplaceAll(line, []byte("${1}"+masked+"@"))
	}
	if !suspect(line) {
		return line
	}
	line = inKey.ReplaceAllFunc(line, func(found []byte) []byte {
		if harmless.Match(found) {
			return found
		}
		return append(bytes.Clone(inKey.FindSubmatch(found)[1]), `"`+masked+`"`...)
	})
	line = inProof.ReplaceAll(line, []byte("$1 "+masked))
	line = inPEM.ReplaceAll(line, []byte(masked))
	return inHash.ReplaceAll(line, []byte(masked))
}

var marks = [][]byte{[]byte("pass"), []byte("code"), []byte("secret"), []byte("token"), []byte("key"), []byte("basic"), []byte("bearer"), []byte("argon2")}

// suspect says quickly that most lines need not be looked at closely.
func suspect(line []byte) bool {
	lower := bytes.ToLower(line)
	return slices.ContainsFunc(marks, func(mark []byte) bool { return bytes.Contains(lower, mark) })
}

// mask passes on what is written to it line by line, masked.
type mask struct {
	w      io.Writer
	line   []byte
	inKey  bool // within a private key that has lines
	failed error
}

func (m *mask) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && m.failed == nil {
		end := bytes.IndexByte(p, '\n') + 1
		if end == 0 {
			end = len(p)
		}
		if room := lineLimit - len(m.line); room > 0 {
			m.line = append(m.line, p[:min(end, room)]...)
		}
		if p[end-1] == '\n' {
			if m.line[len(m.line)-1] != '\n' {
				m.line = append(m.line, "…\n"...)
			}
			m.failed = m.flush()
		}
		p = p[end:]
	}
	return n, m.failed
}

// flush passes on the line so far.
func (m *mask) flush() error {
	line := m.line
	m.line = m.line[:0]
	begins, ends := bytes.Contains(line, []byte("PRIVATE KEY-----")) && bytes.Contains(line, []byte("BEGIN ")), bytes.Contains(line, []byte("-----END "))
	switch {
	case m.inKey:
		m.inKey = !ends
		return nil
	case begins && !ends:
		m.inKey = true
	}
	if len(line) == 0 {
		return nil
	}
	_, err := m.w.Write(Mask(line))
	return err
}
