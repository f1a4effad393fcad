package main

import (
	"regexp"
	"slices"
	"strings"
)

// space is what may differ between two copies of one licence text.
var space = regexp.MustCompile(`[\s*/#]+`)

// licences tells a licence by sentences that stand in it; all of a row must be
// there. One file may hold several. A row doesn't count beside those of unless:
// their texts hold or name it, too.
var licences = []struct {
	id     string
	all    []string
	unless []string
}{
	{"MPL-2.0", []string{"mozilla public license version 2.0"}, nil},
	{"AGPL-3.0", []string{"gnu affero general public license"}, []string{"MPL-2.0"}},
	{"LGPL", []string{"gnu lesser general public license"}, []string{"MPL-2.0", "AGPL-3.0"}},
	{"GPL", []string{"gnu general public license"}, []string{"MPL-2.0", "AGPL-3.0", "LGPL"}},
	{"BUSL-1.1", []string{"business source license 1.1"}, nil},
	{"Apache-2.0", []string{"apache license version 2.0", "grant of patent license"}, nil},
	{"BSD-3-Clause", []string{bsd, "may be used to endorse or promote products derived from"}, nil},
	{"BSD-2-Clause", []string{bsd}, []string{"BSD-3-Clause"}},
	{"ISC", []string{isc, "copyright notice and this permission notice appear in all copies"}, nil},
	{"0BSD", []string{isc}, []string{"ISC"}},
	{"MIT", []string{
		"permission is hereby granted, free of charge, to any person obtaining a copy",
		"the above copyright notice and this permission notice",
	}, nil},
	{"blessing", []string{"has been dedicated to the public domain by the authors", "sqlite"}, nil},
	{"Unlicense", []string{"this is free and unencumbered software released into the public domain"}, nil},
}

const (
	bsd = "redistribution and use in source and binary forms, with or without modification, are permitted"
	isc = "permission to use, copy, modify, and or distribute this software for any purpose with or without fee is hereby granted"
)

// classify returns the SPDX identifiers of the licences in a text.
func classify(text string) []string {
	text = space.ReplaceAllString(strings.ToLower(text), " ")
	// Both forms of one clause are in use.
	text = strings.ReplaceAll(text, "modify, and distribute", "modify, and or distribute")
	text = strings.ReplaceAll(text, "apache license, version 2.0", "apache license version 2.0")
	var ids []string
	for _, l := range licences {
		missing := func(phrase string) bool { return !strings.Contains(text, phrase) }
		found := func(id string) bool { return slices.Contains(ids, id) }
		if !slices.ContainsFunc(l.all, missing) && !slices.ContainsFunc(l.unless, found) {
			ids = append(ids, l.id)
		}
	}
	return ids
}

// notices are files that are named like licences and aren't the module's, as
// "module/file", with what was found when they were read.
var notices = map[string]string{
	"modernc.org/libc/LICENSE-3RD-PARTY.md":   "texts of the C libraries in it: MIT and BSD",
	"modernc.org/sqlite/LICENSE-3RD-PARTY.md": "texts of its whole module graph; the one under MPL-2.0 isn't linked",
	"modernc.org/memory/LICENSE-LOGO":         "where the picture in its README is from",
}
