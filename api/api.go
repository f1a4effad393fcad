// Package api holds the description of the Cockpit's web API, openapi.yaml, and
// the types of its bodies, which are generated from it.
//
// The description comes first: a change of the API begins there. The package
// has no code of its own, so that the Cockpit and the command line share one set
// of types without knowing each other.
package api

import _ "embed"

//go:generate sh -c "cd ../tools && go tool oapi-codegen -config ../api/oapi-codegen.yaml ../api/openapi.yaml"

//go:embed openapi.yaml
var openAPI string

// OpenAPI returns the description of the API, in YAML.
func OpenAPI() string { return openAPI }
