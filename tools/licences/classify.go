package main

import (
	"regexp"
	"strings"
)

// space is what may differ between two copies of one licence text.
var space = regexp.MustCompile(`[\s*/#]+`)

// phrases tell a licence by sentences that stand in it, and in no other of this
// list unless that one comes first. All phrases of a row must be there.
var phrases = []struct {
	id  string
	all []string
}{
	{"AGPL-3.0", []string{"gnu affero general public license"}},
	{"LGPL", []string{"gnu lesser general public license"}},
	{"MPL-2.0", []string{"mozilla public license version 2.0"}},
	{"GPL", []string{"gnu general public license"}},
	{"BUSL-1.1", []string{"business source license 1.1"}},
	{"Apache-2.0", []string{"apache license version 2.0", "grant of patent license"}},
	{"BSD-3-Clause", []string{
		"redistribution and use in source and binary forms, with or without modification, are permitted",
		"may be used to endorse or promote products derived from",
	}},
	{"BSD-2-Clause", []string{"redistribution and use in source and binary forms, with or without modification, are permitted"}},
	{"ISC", []string{
		"permission to use, copy, modify, and or distribute this software for any purpose with or without fee is hereby granted",
		"copyright notice and this permission notice appear in all copies",
	}},
	{"0BSD", []string{"permission to use, copy, modify, and or distribute this software for any purpose with or without fee is hereby granted"}},
	{"MIT", []string{
		"permission is hereby granted, free of charge, to any person obtaining a copy",
		"the above copyright notice and this permission notice",
	}},
	{"Unlicense", []string{"this is free and unencumbered software released into the public domain"}},
}

// classify returns the SPDX identifier of a licence text, or "".
func classify(text string) string {
	text = space.ReplaceAllString(strings.ToLower(text), " ")
	// Both forms of one clause are in use.
	text = strings.ReplaceAll(text, "modify, and distribute", "modify, and or distribute")
	text = strings.ReplaceAll(text, "apache license, version 2.0", "apache license version 2.0")
next:
	for _, p := range phrases {
		for _, phrase := range p.all {
			if !strings.Contains(text, phrase) {
				continue next
			}
		}
		return p.id
	}
	return ""
}
