package hocon

import "strings"

// keyPath passes a path like  a.b."c.d"  and returns its elements. It ends
// before the first character that can't belong to it.
func (p *parser) keyPath() ([]string, error) {
	var path []string
	var element strings.Builder
	begun := false // the element has a part, be it ""
	start := p.pos()
	for {
		before := p.at
		blank := p.blanks()
		if p.atComment() {
			break
		}
		if p.peek() == '"' {
			text, err := p.quoted()
			if err != nil {
				return nil, err
			}
			if begun {
				element.WriteString(blank)
			}
			element.WriteString(text)
			begun = true
			continue
		}
		pos := p.pos()
		text := p.unquoted()
		if text == "" {
			p.at = before
			break
		}
		if begun && blank != "" && text[0] == '.' || p.endsWithDot(text) {
			return nil, invalid(pos, "no blank may stand beside a dot of a key; quote the key if the blank belongs to it")
		}
		for i, part := range strings.Split(text, ".") {
			if i > 0 {
				if !begun {
					return nil, emptyElement(start)
				}
				path = append(path, element.String())
				element.Reset()
				begun, blank = false, ""
			}
			if part != "" {
				if begun {
					element.WriteString(blank)
				}
				element.WriteString(part)
				begun, blank = true, ""
			}
		}
	}
	if !begun {
		if path == nil {
			return nil, invalid(start, "expected a key, found %s", p.whatReserved())
		}
		return nil, emptyElement(start)
	}
	return append(path, element.String()), nil
}

// endsWithDot tells whether text, just passed, ends with a dot that a blank
// follows.
func (p *parser) endsWithDot(text string) bool {
	return strings.HasSuffix(text, ".") && isSpace(p.peek())
}

func emptyElement(pos Pos) error {
	return invalid(pos, `the key has an empty part: two dots, or a dot at an end; an empty key is written ""`)
}

// whatReserved is what with advice on reserved characters.
func (p *parser) whatReserved() string {
	what := p.what()
	if r := p.peek(); r != end && strings.ContainsRune("$+`^?!@*&\\", r) {
		what += ", which must stand in quotes"
	}
	return what
}
