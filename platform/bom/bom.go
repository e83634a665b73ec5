// Package bom writes bills of materials in the format CycloneDX 1.5. It promises that the same materials give the same
// bytes, serial number included. It guards against two bills of one program that cannot be compared.
package bom

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
)

// ContentType is that of a bill over HTTP.
const ContentType = "application/vnd.cyclonedx+json; version=1.5"

// Bill has its fields in the order of the schema.
type Bill struct {
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	Serial       string       `json:"serialNumber,omitempty"`
	Version      int          `json:"version"`
	Metadata     Metadata     `json:"metadata"`
	Components   []Component  `json:"components"`
	Dependencies []Dependency `json:"dependencies"`
}

// Metadata says what the bill is of.
type Metadata struct {
	Timestamp string    `json:"timestamp,omitempty"`
	Component Component `json:"component"`
}

// Component is a program or a library.
type Component struct {
	Type       string     `json:"type"` // application or library
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	Hashes     []Hash     `json:"hashes,omitempty"`
	Licences   []Licence  `json:"licenses,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Properties []Property `json:"properties,omitempty"`
}

// Hash is of a file.
type Hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

// Licence is an expression of SPDX.
type Licence struct {
	Expression string `json:"expression"`
}

// Property is a fact that the format has no field for.
type Property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Dependency says what a component needs.
type Dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

// New is a bill of a version of the product, without components.
func New(version, licence string) Bill {
	product := Component{Type: "application", Ref: "oibus@" + version, Name: "oibus", Version: version}
	if licence != "" {
		product.Licences = []Licence{{licence}}
	}
	return Bill{Format: "CycloneDX", SpecVersion: "1.5", Version: 1, Metadata: Metadata{Component: product}, Components: []Component{}}
}

// Encode gives the bill a serial number made of its content.
func (b Bill) Encode() ([]byte, error) {
	b.Serial = ""
	text, err := encode(b)
	if err != nil {
		return nil, err
	}
	id := sha256.Sum256(text)
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // a UUID of version 8, of our own making
	b.Serial = fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:16])
	return encode(b)
}

func encode(b Bill) ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(b); err != nil {
		return nil, fmt.Errorf("cannot encode the bill of materials: %w", err)
	}
	return text.Bytes(), nil
}
