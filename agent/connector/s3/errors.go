package s3

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"

	"oibus/agent/connector/httpclient"
	"oibus/agent/connector/object"
)

const maxAnswer = 4 << 20 // bytes of an answer: 1000 parts take a tenth of it

// Error is a refusal. It shows neither keys nor what was signed.
type Error struct {
	object.Refusal        // its code is one as AccessDenied
	region         string // where the bucket is, "" when the answer does not tell
}

// Of the codes in which Amazon S3 tells why: those that wait for a person, the network or a quieter time, and of these
// the ones that have nothing to do with the object that was sent.
var (
	passing = map[string]bool{
		"RequestTimeout": true, "RequestTimeTooSkewed": true, "ExpiredToken": true, "TokenRefreshRequired": true, "InvalidToken": true,
		"AuthorizationHeaderMalformed": true, "Throttling": true, "ThrottlingException": true, "TooManyRequests": true, "SlowDown": true,
		"RequestLimitExceeded": true, "BandwidthLimitExceeded": true, "InternalError": true, "ServiceUnavailable": true,
		"BadDigest": true, "XAmzContentSHA256Mismatch": true, "IncompleteBody": true, "OperationAborted": true,
		"PermanentRedirect": true, "TemporaryRedirect": true, "IllegalLocationConstraintException": true, "NoSuchUpload": true, "InvalidPart": true,
		"InvalidBucketName": true,
	}
	elsewhere = map[string]bool{
		"InvalidAccessKeyId": true, "SignatureDoesNotMatch": true, "NoSuchBucket": true, "AllAccessDisabled": true, "AccountProblem": true,
		"NotSignedUp": true, "RequestTimeTooSkewed": true, "ExpiredToken": true, "TokenRefreshRequired": true, "InvalidToken": true,
		"AuthorizationHeaderMalformed": true, "Throttling": true, "ThrottlingException": true, "TooManyRequests": true, "SlowDown": true,
		"RequestLimitExceeded": true, "BandwidthLimitExceeded": true, "ServiceUnavailable": true, "RequestTimeout": true,
		"PermanentRedirect": true, "TemporaryRedirect": true, "IllegalLocationConstraintException": true, "InvalidBucketName": true,
	}
)

// Temporary says whether the same request may pass later.
func (e *Error) Temporary() bool {
	return passing[e.Code] || e.Status >= 300 && e.Status < 400 || e.Status >= 500 && e.Status != http.StatusNotImplemented || httpclient.Retryable(e.Status)
}

// AboutObject says whether another object could pass.
func (e *Error) AboutObject() bool {
	return !elsewhere[e.Code] && httpclient.AboutContent(e.Status) && (e.Status < 300 || e.Status >= 400)
}

// refusal reads an answer that is no success.
func refusal(res *httpclient.Response) *Error {
	e := &Error{Refusal: object.Refused(res), region: res.Header.Get("X-Amz-Bucket-Region")}
	raw, _ := io.ReadAll(io.LimitReader(res, maxAnswer)) // what can be read is enough
	if told := parseError(raw); told != nil {
		e.Code, e.Message = told.Code, told.Message
		if told.region != "" {
			e.region = told.region
		}
	}
	return e
}

// parseError reads the body of a refusal, nil when it is none.
func parseError(raw []byte) *Error {
	var answer struct {
		XMLName xml.Name `xml:"Error"`
		Code    string   `xml:"Code"`
		Message string   `xml:"Message"`
		Region  string   `xml:"Region"`
	}
	if xml.Unmarshal(raw, &answer) != nil || answer.Code == "" {
		return nil
	}
	return &Error{Refusal: object.Refusal{Code: object.Line(answer.Code), Message: object.Line(answer.Message)}, region: strings.TrimSpace(answer.Region)}
}

// odd is an answer that calls itself a success and is none.
func odd(res *httpclient.Response, text string) *Error {
	return &Error{Refusal: object.Refusal{Status: res.Status, Code: "InternalError", Message: text}}
}

// decode reads the XML of a success into v. An error in it is one, although the status says something else.
func decode(res *httpclient.Response, v any) error {
	raw, err := io.ReadAll(io.LimitReader(res, maxAnswer))
	if err != nil {
		return fmt.Errorf("cannot read the answer: %w", err)
	}
	if e := parseError(raw); e != nil {
		e.Status, e.After = http.StatusInternalServerError, res.RetryAfter()
		return e
	}
	if err := xml.Unmarshal(bytes.TrimSpace(raw), v); err != nil {
		return odd(res, "the answer is not what Amazon S3 answers")
	}
	return nil
}
