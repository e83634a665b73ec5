package azure

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"strings"

	"oibus/agent/connector/httpclient"
	"oibus/agent/connector/object"
)

const maxAnswer = 64 << 10 // bytes of a refusal

// Error is a refusal. It shows neither keys nor tokens.
type Error struct {
	object.Refusal // its code is one as AuthenticationFailed
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
	e := &Error{object.Refused(res)}
	e.Code, e.Message = parseError(raw)
	if e.Code == "" {
		e.Code = object.Line(res.Header.Get("X-Ms-Error-Code"))
	}
	e.Code, e.Message = client.Hide(e.Code), client.Hide(e.Message)
	return e
}

// parseError reads the body of a refusal: XML of Blob Storage, JSON of a Data Lake, or nothing.
func parseError(raw []byte) (code, text string) {
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
		return "", ""
	}
	// The lines behind the first one name the request and the time.
	message, _, _ := strings.Cut(told.Message, "\n")
	if told.Detail != "" {
		message += " " + told.Detail
	}
	return object.Line(told.Code), object.Line(message)
}
