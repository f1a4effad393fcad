package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	own, err := os.ReadFile("../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	const clauses = "Redistribution and use in source and binary forms, with or without\n// modification, are permitted provided that"
	tests := []struct{ name, text, want string }{
		{"our own", string(own), "Apache-2.0"},
		{"MIT", "Permission is hereby granted, free of charge, to any person obtaining a copy\nof this\n The above copyright notice and this permission notice shall", "MIT"},
		{"BSD-2", clauses, "BSD-2-Clause"},
		{"BSD-3", clauses + " may be used to endorse or promote products derived from", "BSD-3-Clause"},
		{"ISC", "Permission to use, copy, modify, and distribute this software for any\npurpose with or without fee is hereby granted, provided that the above\ncopyright notice and this permission notice appear in all copies.", "ISC"},
		{"MPL names the GPL", "Mozilla Public License Version 2.0 ... GNU General Public License", "MPL-2.0"},
		{"two in one file", clauses + " ... Apache License\n Version 2.0 ... Grant of Patent License", "Apache-2.0, BSD-2-Clause"},
		{"AGPL", "GNU Affero General Public License", "AGPL-3.0"},
		{"GPL", "GNU GENERAL PUBLIC LICENSE\n Version 3", "GPL"},
		{"BUSL", "Business Source License 1.1", "BUSL-1.1"},
		{"a name is no licence", "Licensed under the Apache License, Version 2.0", ""},
		{"none", "All rights reserved.", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(classify(tt.text), ", "); got != tt.want {
				t.Errorf("classify() = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestReadLicence(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file, text string
		linked           bool
		err              string
	}{
		{"allowed", "LICENSE.md", "apache license, version 2.0 ... grant of patent license", true, ""},
		{"forbidden in the program", "COPYING", "Mozilla Public License Version 2.0", true, "not allowed"},
		{"allowed in tests", "COPYING", "Mozilla Public License Version 2.0", false, ""},
		{"forbidden everywhere", "LICENCE", "GNU General Public License", false, "not allowed"},
		{"unknown", "LICENSE", "do what you like", false, "no licence known"},
		{"missing", "README", "MIT", false, "no licence file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, tt.file), []byte(tt.text), 0o644); err != nil {
				t.Fatal(err)
			}
			err := (&module{Path: "m", Dir: dir, linked: tt.linked}).readLicence()
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("readLicence() = %v, want %q", err, tt.err)
			}
		})
	}
}

func TestCycloneDX(t *testing.T) {
	t.Parallel()
	b, err := cycloneDX([]*module{{Path: "example.org/m", Version: "v1.0.0", Sum: "h1:x", licences: []string{"MIT"}}}, "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	var doc bom
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	c := doc.Components[0]
	if doc.SpecVersion != "1.5" || doc.Metadata.Component.Version != "1.2.3" || c.PURL != "pkg:golang/example.org/m@v1.0.0" ||
		c.Scope != "excluded" || c.Licences[0].License.ID != "MIT" || c.Properties[0].Value != "h1:x" {
		t.Errorf("unexpected document:\n%s", b)
	}
}
