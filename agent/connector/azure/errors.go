package azure

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"oibus/agent/connector/httpclient"
)

const (
	maxAnswer = 64 << 10 // bytes of a refusal
	maxText   = 500      // bytes of a code or message
)

// Error is a refusal. It shows neither keys nor tokens.
type Error struct {
	Status  int
	Code    string // as AuthenticationFailed; "" when the answer does not tell
	Message string
	After   time.Duration // how long the server asks to wait, 0 when it does not

	date time.Time // of the server
}

func (e *Error) Error() string {
	switch {
	case e.Code == "" && e.Message == "":
		return strings.TrimSpace(fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status)))
	case e.Message == "":
		return fmt.Sprintf("%s (%d)", e.Code, e.Status)
	default:
		return fmt.Sprintf("%s: %s (%d)", e.Code, e.Message, e.Status)
	}
}

// Of the codes in which Azure tells why: those that wait for a person, the network or a quieter time although their
// status does not say it, and those that have nothing to do with the file that was sent.
var (
	passing = map[string]bool{
		"ContainerBeingDeleted": true, "ContainerDisabled": true, "AccountBeingCreated": true, "FilesystemBeingDeleted": true, "Md5Mismatch": true,
		"OperationTimedOut": true, "ServerBusy": true, "InternalError": true, "InvalidBlockList": true, "InvalidFlushPosition": true,
		"InvalidAuthenticationInfo": true, "NoAuthenticationInformation": true, "LeaseIdMissing": true,
	}
	elsewhere = map[string]bool{
		"ContainerBeingDeleted": true, "ContainerDisabled": true, "AccountBeingCreated": true, "FilesystemBeingDeleted": true,
		"ContainerNotFound": true, "FilesystemNotFound": true, "AuthenticationFailed": true, "AccountIsDisabled": true, "ServerBusy": true,
		"InvalidAuthenticationInfo": true, "NoAuthenticationInformation": true, "AuthorizationPermissionMismatch": true, "AuthorizationFailure": true,
		"AuthorizationServiceMismatch": true, "AuthorizationProtocolMismatch": true, "AuthorizationSourceIPMismatch": true, "KeyBasedAuthenticationNotPermitted": true,
	}
)

// Temporary says whether the same request may pass later.
func (e *Error) Temporary() bool {
	return passing[e.Code] || e.Status >= 500 && e.Status != http.StatusNotImplemented || httpclient.Retryable(e.Status)
}

// AboutFile says whether another file could pass.
func (e *Error) AboutFile() bool { return !elsewhere[e.Code] && httpclient.AboutContent(e.Status) }

// refusal reads an answer that is no success.
func refusal(res *httpclient.Response, client *httpclient.Client) *Error {
	raw, _ := io.ReadAll(io.LimitReader(res, maxAnswer)) // what can be read is enough
	e := parseError(raw)
	e.Status, e.After = res.Status, res.RetryAfter()
	if e.Code == "" {
		e.Code = plain(res.Header.Get("X-Ms-Error-Code"))
	}
	e.Code, e.Message = client.Hide(e.Code), client.Hide(e.Message)
	if at, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		e.date = at
	}
	return e
}

// parseError reads the body of a refusal: XML of Blob Storage, JSON of a Data Lake, or nothing.
func parseError(raw []byte) *Error {
	var told struct {
		Code    string `xml:"Code" json:"code"`
		Message string `xml:"Message" json:"message"`
		Detail  string `xml:"AuthenticationErrorDetail" json:"-"`
	}
	var wrapped struct {
		Error any `json:"error"`
	}
	wrapped.Error = &told
	raw = []byte(strings.TrimPrefix(string(raw), "\ufeff"))
	if xml.Unmarshal(raw, &told) != nil && json.Unmarshal(raw, &wrapped) != nil {
		return &Error{}
	}
	// The lines behind the first one name the request and the time.
	message, _, _ := strings.Cut(told.Message, "\n")
	if told.Detail != "" {
		message += " " + told.Detail
	}
	return &Error{Code: plain(told.Code), Message: plain(message)}
}

// plain is one line of a foreign text.
func plain(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "\uFFFD")), " ")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}
