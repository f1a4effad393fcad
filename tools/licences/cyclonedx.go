package main

import (
	"bytes"
	"encoding/json"
	"strings"
)

// product is Signet's own module.
const product = "github.com/signet-scheduler/signet"

// The parts of CycloneDX 1.5 that a list of modules needs.
type (
	bom struct {
		Format      string      `json:"bomFormat"`
		SpecVersion string      `json:"specVersion"`
		Version     int         `json:"version"`
		Metadata    metadata    `json:"metadata"`
		Components  []component `json:"components"`
	}
	metadata struct {
		Component component `json:"component"`
	}
	component struct {
		Type       string     `json:"type"`
		Ref        string     `json:"bom-ref"`
		Name       string     `json:"name"`
		Version    string     `json:"version"`
		Scope      string     `json:"scope,omitempty"`
		PURL       string     `json:"purl"`
		Licences   []licence  `json:"licenses,omitempty"`
		Properties []property `json:"properties,omitempty"`
	}
	licence struct {
		License struct {
			ID string `json:"id"`
		} `json:"license"`
	}
	property struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
)

// cycloneDX returns the bill of materials. It holds no time and no serial
// number: the same source gives the same bytes.
func cycloneDX(modules []*module, version string) ([]byte, error) {
	doc := bom{
		Format: "CycloneDX", SpecVersion: "1.5", Version: 1,
		Metadata: metadata{Component: newComponent("application", &module{
			Path: product, Version: version, licences: []string{"Apache-2.0"}, linked: true,
		})},
	}
	for _, m := range modules {
		doc.Components = append(doc.Components, newComponent("library", m))
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(doc)
	return b.Bytes(), err
}

func newComponent(kind string, m *module) component {
	purl := "pkg:golang/" + m.Path + "@" + m.Version
	if m.npm {
		purl = "pkg:npm/" + strings.Replace(m.Path, "@", "%40", 1) + "@" + m.Version
	}
	c := component{Type: kind, Ref: purl, Name: m.Path, Version: m.Version, PURL: purl}
	if !m.linked {
		c.Scope = "excluded" // used by tests, not delivered
	}
	for _, id := range m.licences {
		var l licence
		l.License.ID = id
		c.Licences = append(c.Licences, l)
	}
	if m.Sum != "" {
		// Digests in the form of their ecosystems: Go's isn't that of any file, so
		// there is no CycloneDX hash.
		name := "go:sum"
		if m.npm {
			name = "npm:integrity"
		}
		c.Properties = []property{{name, m.Sum}}
	}
	return c
}
