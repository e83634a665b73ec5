package page

import (
	"net"
	"net/http"
	"strings"
	"time"

	"oibus/agent/entity"
)

// themeCookie remembers whether the person wants light or dark; without it the system decides.
const themeCookie = "oibus-theme"

func theme(r *http.Request) string {
	if c, err := r.Cookie(themeCookie); err == nil && (c.Value == "light" || c.Value == "dark") {
		return c.Value
	}
	return "auto"
}

// clientAddress is the address the browser comes from, without its port.
func clientAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// zoneText names a time zone for a person. Where the machine does not tell its name, the difference to UTC at now does.
func zoneText(name string, now time.Time) string {
	if name != "" && name != "Local" {
		return name
	}
	short, _ := now.Zone()
	if offset := now.Format("UTC-07:00"); short != "UTC" {
		return offset
	}
	return "UTC"
}

// friendlyName is first and last name, or the login of who has neither.
func friendlyName(u entity.User) string {
	var parts []string
	for _, p := range []*string{u.FirstName, u.LastName} {
		if p != nil && strings.TrimSpace(*p) != "" {
			parts = append(parts, strings.TrimSpace(*p))
		}
	}
	if len(parts) == 0 {
		return u.Login
	}
	return strings.Join(parts, " ")
}

// initials are the first letters of at most two words of name.
func initials(name string) string {
	var letters []rune
	for _, word := range strings.Fields(name) {
		letters = append(letters, []rune(word)[0])
	}
	if len(letters) > 2 {
		letters = []rune{letters[0], letters[len(letters)-1]}
	}
	return strings.ToUpper(string(letters))
}
