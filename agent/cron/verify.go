package cron

import (
	"time"

	"oibus/agent/entity"
)

// shown is how many coming ticks a verification lists.
const shown = 3

// Verification is what the REST API answers about an expression.
type Verification struct {
	IsValid           bool     `json:"isValid"`
	ErrorMessage      string   `json:"errorMessage"`
	NextExecutions    []string `json:"nextExecutions"`
	HumanReadableForm string   `json:"humanReadableForm"`
}

// Verify says whether expression is valid, and if so when it is due after now and what it means.
func Verify(expression string, now time.Time) Verification {
	fields, s, err := parse(expression)
	if err != nil {
		return Verification{ErrorMessage: err.Error(), NextExecutions: []string{}}
	}
	v := Verification{IsValid: true, NextExecutions: []string{}, HumanReadableForm: describe(fields)}
	for at := s.Next(now); !at.IsZero() && len(v.NextExecutions) < shown; at = s.Next(at) {
		v.NextExecutions = append(v.NextExecutions, entity.Milli(at))
	}
	return v
}
