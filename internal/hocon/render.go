package hocon

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// Render returns v as canonical JSON: no white space, keys sorted by their
// bytes, strings escaped as little as JSON lets, numbers as written where
// that is JSON. It shows secrets; it is for tests.
func Render(v *Value) string {
	var b strings.Builder
	render(&b, v)
	return b.String()
}

func render(b *strings.Builder, v *Value) {
	switch v.Kind() {
	case Null:
		b.WriteString("null")
	case Bool:
		b.WriteString(v.text)
	case Number:
		b.WriteString(jsonNumber(v.text))
	case String:
		renderString(b, v.text)
	case Array:
		b.WriteByte('[')
		for i, item := range v.items {
			if i > 0 {
				b.WriteByte(',')
			}
			render(b, item)
		}
		b.WriteByte(']')
	case Object:
		b.WriteByte('{')
		for i, key := range slices.Sorted(slices.Values(v.keys)) {
			if i > 0 {
				b.WriteByte(',')
			}
			renderString(b, key)
			b.WriteByte(':')
			render(b, v.fields[key].value)
		}
		b.WriteByte('}')
	}
}

// jsonNumber returns a HOCON number ("007", "1.") as JSON writes it.
func jsonNumber(text string) string {
	if json.Valid([]byte(text)) {
		return text
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return strconv.FormatInt(n, 10)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return strconv.Quote(text) // not reached: the parser made sure of it
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

const hexDigits = "0123456789abcdef"

func renderString(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20:
			b.WriteString(`\u00`)
			b.WriteByte(hexDigits[r>>4])
			b.WriteByte(hexDigits[r&15])
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}

// Quote returns s as a quoted HOCON (and JSON) string.
func Quote(s string) string {
	var b strings.Builder
	renderString(&b, s)
	return b.String()
}
